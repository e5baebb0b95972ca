package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// grace is how long the calls in flight may take to finish when the server is told to stop.
const grace = 10 * time.Second

// headerLimit is how long a client may take for the head of a request, and before it for the TLS handshake.
const headerLimit = 10 * time.Second

// ErrCutOff says that calls were still in flight when the server had to stop.
var ErrCutOff = fmt.Errorf("calls were still in flight %s after the stop and were cut off", grace)

// Listen takes the address for a server: HOST:PORT, where port 0 takes a free one, or unix:PATH.
func Listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(path)
	}
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: the port is in use; stop the program that has it, or choose another with --listen (port 0 takes a free one)", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: this user may not; choose a port above 1023 with --listen", address)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// BaseURL returns how clients name what listens on l: unix:PATH, or a URL.
func BaseURL(l net.Listener) string {
	switch _, secure := l.(*secureListener); {
	case l.Addr().Network() == "unix":
		return unixPrefix + l.Addr().String()
	case secure:
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// Serve answers requests on l with h until ctx ends, those inside of h's tunnels too if it is a Handler. Then it takes no
// more, and waits for the calls in flight; it returns ErrCutOff if they have not finished after 10 s. What is no HTTP
// it tells to journal.
func Serve(ctx context.Context, l net.Listener, h http.Handler, journal *Journal) error {
	outer := newServer(h, journal)
	if _, secure := l.(*secureListener); secure {
		outer.Protocols = secureProtocols()
	}
	servers := map[*http.Server]net.Listener{outer: explainingListener{l, journal}}
	if doors, ok := h.(*Handler); ok {
		inner := newServer(h, journal)
		inner.Protocols, inner.ConnContext = secureProtocols(), inTunnel
		servers[inner] = doors.tunnels
	}
	served := make(chan error, len(servers))
	for s, l := range servers {
		go func() { served <- s.Serve(l) }()
	}
	select {
	case err := <-served:
		for s := range servers {
			_ = s.Close()
		}
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	cut := make(chan bool, len(servers))
	for s := range servers {
		go func() {
			err := s.Shutdown(wait)
			if err != nil {
				_ = s.Close() // it can only repeat that there are connections
			}
			cut <- err != nil
		}()
	}
	var cutOff error
	for range servers {
		if <-cut {
			cutOff = ErrCutOff
		}
	}
	return cutOff
}

func newServer(h http.Handler, journal *Journal) *http.Server {
	return &http.Server{
		Handler:           h,
		ErrorLog:          journal.errorLog(),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       time.Minute,
		WriteTimeout:      cassettes.MaxWait + time.Minute, // an upstream call takes a minute at most
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// OPTIONS * goes the way of all requests.
		DisableGeneralOptionsHandler: true,
	}
}

// NewUpstream returns the HTTP client side: connections are kept for all callers, TLS is verified, no
// redirect is followed, and no compression is asked for, so that answers can be read and redacted.
func NewUpstream() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   64,
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
	}
}
