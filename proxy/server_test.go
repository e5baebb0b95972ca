package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
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
	stop := serve(t, l, slow, proxy.NewJournal(zap.NewNop()))
	got := make(chan string)
	go func() { got <- post(t, "http://"+l.Addr().String(), "", nil).body }()
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	if body := <-got; body != "whole" {
		t.Errorf("the client got %q", body)
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

func TestWhatIsNoHTTPGetsASentence(t *testing.T) {
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	journal := proxy.NewJournal(zap.New(core))
	stop := serve(t, l, http.NotFoundHandler(), journal)
	const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" // of TLS
	requests := map[string]int{
		"s3cr3t\r\n\r\n": 400,
		"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n":                           400,
		"GET / HTTP/1.1\r\n\r\n":                                                 400,
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: s3cr3t\r\n\r\n":    400,
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: s3cr3t\r\n\r\n": 501,
		hello: 400,
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n": 431,
	}
	for request, status := range requests {
		got := raw(t, l.Addr().String(), request)
		sentence := "the request is no HTTP that can be read"
		if request == hello {
			sentence = "a client speaks TLS, and this address does not: write http://"
		}
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", status)) || !strings.Contains(got, fmt.Sprintf(`,"status":%d}`, status)) || !strings.Contains(got, sentence) {
			t.Errorf("%.40q: got %q", request, got)
		}
	}
	if got := raw(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "404 page not found\n") {
		t.Errorf("a handler's answer became %q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := journal.Count(cassettes.Refused); n != len(requests) {
		t.Errorf("%d were counted", n)
	}
	for _, line := range logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "s3cr3t") {
			t.Error("the log quotes the client:", text)
		}
	}
}
