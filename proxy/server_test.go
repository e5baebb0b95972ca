package proxy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twilio-vcr/twilio-vcr/proxy"
)

func TestAStopWaitsForTheCallsInFlight(t *testing.T) {
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan bool)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		time.Sleep(200 * time.Millisecond)
		_, _ = io.WriteString(w, "whole")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- proxy.Serve(ctx, l, slow, nil) }()
	got := make(chan string)
	go func() { got <- post(t, "http://"+l.Addr().String(), "", nil).body }()
	<-started
	stop()
	if body := <-got; body != "whole" {
		t.Errorf("the client got %q", body)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestAPortInUseSaysWhatHelps(t *testing.T) {
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := proxy.Listen(l.Addr().String()); err == nil || !strings.Contains(err.Error(), "the port is in use") || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
}
