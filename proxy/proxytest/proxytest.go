// Package proxytest is twilio-vcr for tests in Go: a proxy in the test's own process, that answers from a cassette.
//
//	func TestLogin(t *testing.T) {
//		p := proxytest.Start(t, "testdata/login.yaml")
//		api := twilio.NewRestClientWithParams(twilio.ClientParams{
//			Client: &client.Client{Credentials: client.NewCredentials(sid, token), HTTPClient: p.Client},
//		})
//		...
//	}
//
// The cassette is recorded by "TWILIO_VCR_MODE=record go test", or "go test -twilio-vcr.record".
package proxytest

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap/zaptest"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
	"github.com/twilio-vcr/twilio-vcr/config"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/run"
)

var record = flag.Bool("twilio-vcr.record", false, "record the cassettes of proxytest anew")

// ModeEnv is the environment variable that says what proxies do: replay, record, auto or passthrough. The flag
// -twilio-vcr.record wins. If neither is set, they replay.
const ModeEnv = "TWILIO_VCR_MODE"

// Options are how a proxy differs from that of Start. Its zero value is Start's.
type Options struct {
	// Strict fails the test also if an interaction of the cassette was not used.
	Strict bool
	// Settings is the file of settings, "" for twilio-vcr.yaml in the folder of the test, if it is there. The
	// environment's settings (TWILIO_VCR_UPSTREAM and so on) count too.
	Settings string
}

// Proxy is a proxy that answers as long as its test runs.
type Proxy struct {
	// URL is the base URL to be used in the place of https://verify.twilio.com.
	URL string
	// Client sends calls for https://verify.twilio.com to the proxy. It refuses all others, so nothing reaches a
	// network by mistake.
	Client *http.Client
}

// Start starts a proxy that replays the cassette in file until the test ends. The test fails if something is asked for
// that is not on the cassette; the log of the test then says what is nearest, and what helps. Each proxy has its own
// place on its cassette, so tests may be parallel.
//
// When it is to record, an existing cassette is replaced at the end of the test.
func Start(t testing.TB, file string) *Proxy {
	t.Helper()
	return Options{}.Start(t, file)
}

// Start is the function Start, with options.
func (o Options) Start(t testing.TB, file string) *Proxy {
	t.Helper()
	cfg, err := o.config(file)
	if err != nil {
		t.Fatalf("twilio-vcr: %v", err)
	}
	r, err := run.New(cfg, zaptest.NewLogger(t))
	if err != nil {
		t.Fatalf("twilio-vcr: %v", err)
	}
	l, err := proxy.Listen(cfg.Listen)
	if err != nil {
		_ = r.Close() // there is nothing on it
		t.Fatalf("twilio-vcr: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background()) // that of t ends before its cleanup
	served := make(chan error, 1)
	go func() { served <- proxy.Serve(ctx, l, r.Handler, r.Journal) }()

	u := &url.URL{Scheme: "http", Host: l.Addr().String()}
	own := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		t.Helper()
		own.CloseIdleConnections()
		stop()
		err := <-served
		report, lost := r.End()
		fail(t, cfg, report, err, lost)
	})
	return &Proxy{URL: u.String(), Client: &http.Client{Transport: &toProxy{u, cfg.Upstream, own}}}
}

// config returns the settings of a proxy for file.
func (o Options) config(file string) (*config.Config, error) {
	mode := config.Mode(os.Getenv(ModeEnv))
	switch {
	case *record:
		mode = config.Record
	case mode == "":
		mode = config.Replay
	}
	flags := map[string][]string{"cassette": {file}, "listen": {"127.0.0.1:0"}}
	switch mode {
	case config.Record:
		flags["overwrite"] = []string{"true"}
	case config.Replay, config.Auto, config.Passthrough:
	default:
		return nil, fmt.Errorf("%s is %q; the modes are replay, record, auto and passthrough", ModeEnv, mode)
	}
	cfg, err := config.Load(mode, config.Sources{File: o.Settings, Getenv: os.LookupEnv, Flags: flags})
	if err == nil && mode == config.Replay {
		cfg.Strict = cfg.Strict || o.Strict
	}
	return cfg, err
}

// fail fails t for what went wrong while the proxy ran.
func fail(t testing.TB, cfg *config.Config, report *proxy.Report, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Errorf("twilio-vcr: %v", err)
		}
	}
	if n := report.Unrecorded(); n > 0 {
		t.Errorf("twilio-vcr: %d answered calls are not on %s; the log says why", n, cfg.Cassette)
	}
	for _, m := range report.Misses {
		t.Errorf("twilio-vcr: missed %d times: %s", m.Count, m.Text)
	}
	for _, u := range report.Unused {
		if cfg.Strict {
			t.Errorf("twilio-vcr: %s: interaction %d was not used: %s %s", u.Cassette, u.Interaction, u.Method, u.Path)
		}
	}
}

// toProxy sends what is meant for upstream to the proxy.
type toProxy struct {
	proxy, upstream *url.URL
	next            http.RoundTripper
}

func (p *toProxy) RoundTrip(req *http.Request) (*http.Response, error) {
	switch host := req.URL.Hostname(); {
	case req.URL.Host == p.proxy.Host:
		return p.next.RoundTrip(req)
	case strings.EqualFold(host, verify.Host), strings.EqualFold(host, p.upstream.Hostname()):
		out := req.Clone(req.Context())
		out.URL.Scheme, out.URL.Host = p.proxy.Scheme, p.proxy.Host
		return p.next.RoundTrip(out)
	default:
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fmt.Errorf("twilio-vcr: this client is for calls to %s, and not to %s; use another client for that", p.upstream.Host, host)
	}
}
