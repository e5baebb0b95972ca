package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/ca"
)

// doors is a proxy with both front doors, that answers each request with what it asks for.
type doors struct {
	url  *url.URL
	ca   *x509.CertPool // that clients trust
	logs *observer.ObservedLogs
	stop func() error
}

// mirror answers with what it was asked for.
type mirror struct{ wait chan bool }

func (m mirror) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.wait != nil {
		m.wait <- true
		<-m.wait
	}
	text := fmt.Sprintf("%s %s host %s session %q", req.Method, req.URL, req.Host, cassettes.SessionName(req.Context()))
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req}, nil
}

func openDoors(t *testing.T, upstream string, transport http.RoundTripper, edit func(*proxy.Handler)) *doors {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	journal := proxy.NewJournal(zap.New(core))
	authority, err := ca.New([]string{"twilio.com"})
	if err != nil {
		t.Fatal(err)
	}
	d := &doors{ca: x509.NewCertPool(), logs: logs}
	d.ca.AppendCertsFromPEM(authority.PEM())
	h := proxy.New(transport, u, &redact.Policy{}, journal)
	h.Certifier = authority
	if edit != nil {
		edit(h)
	}
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.url = &url.URL{Scheme: "http", Host: l.Addr().String()}
	d.stop = serve(t, l, h, journal)
	return d
}

// client goes through the proxy, as the user with that name, and trusts its CA.
func (d *doors) client(user string, http2 bool) *http.Client {
	u := *d.url
	if user != "" {
		u.User = url.UserPassword(user, "")
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(&u),
		TLSClientConfig: &tls.Config{RootCAs: d.ca}, ForceAttemptHTTP2: http2, DisableKeepAlives: !http2,
	}}
}

func read(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Message string }
	if json.Unmarshal(body, &e) == nil && e.Message != "" {
		return fmt.Sprintf("%d %s", resp.StatusCode, e.Message)
	}
	return string(body)
}

func TestCallsInATunnelGoTheSameWay(t *testing.T) {
	for upstream, targets := range map[string][2]string{
		"https://verify.twilio.com":  {"https://verify.twilio.com", "https://verify.sydney.au1.twilio.com"}, // a regional host is called at that host
		"http://127.0.0.1:4999/base": {"http://127.0.0.1:4999/base", "http://127.0.0.1:4999/base"},
	} {
		d := openDoors(t, upstream, mirror{}, nil)
		for _, http2 := range []bool{false, true} {
			for i, host := range []string{"verify.twilio.com", "verify.sydney.au1.twilio.com"} {
				resp, err := d.client("auth/login", http2).Get("https://" + host + "/v2/Services?a=b;c")
				if got, want := read(t, resp, err), fmt.Sprintf(`GET %s/v2/Services?a=b;c host %s session "auth/login"`, targets[i], host); got != want {
					t.Errorf("HTTP/2 %t: got %s, want %s", http2, got, want)
				}
				if (resp.ProtoMajor == 2) != http2 {
					t.Errorf("it came by %s", resp.Proto)
				}
			}
		}
		// A plain request with an absolute URL, as clients send to a proxy.
		resp, err := d.client("signup", false).Get("http://verify.twilio.com/v2")
		if got, want := read(t, resp, err), fmt.Sprintf(`GET %s/v2 host verify.twilio.com session "signup"`, targets[0]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		resp, err = d.client("", false).Get("http://example.com/v2")
		if got := read(t, resp, err); !strings.HasPrefix(got, "403 twilio-vcr: the Host header names neither this proxy nor upstream") {
			t.Errorf("got %s", got)
		}
		resp, err = d.client("one", false).Get("https://verify.twilio.com/_vcr/other/v2")
		if got := read(t, resp, err); !strings.HasPrefix(got, "400 twilio-vcr: the request names two sessions") {
			t.Errorf("got %s", got)
		}
	}
}

// dial sends a CONNECT and returns the answer, and the connection behind it. What is in early goes in the same segment.
func (d *doors) dial(t *testing.T, target string, early []byte) (*http.Response, net.Conn) {
	t.Helper()
	c, err := net.Dial("tcp", d.url.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(append(fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target), early...)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, &http.Request{Method: "CONNECT"})
	if err != nil {
		t.Fatal(err)
	}
	return resp, both{c, r}
}

// both is a connection whose first bytes are read already.
type both struct {
	net.Conn
	r io.Reader
}

func (b both) Read(p []byte) (int, error) { return b.r.Read(p) }

// first gives away the first bytes that are written to it, and then is the connection.
type first struct {
	net.Conn
	written chan []byte
	conn    chan net.Conn
}

func (f *first) Write(p []byte) (int, error) {
	if f.Conn == nil {
		f.written <- bytes.Clone(p)
		f.Conn = <-f.conn
		return len(p), nil
	}
	return f.Conn.Write(p)
}

func (f *first) Read(p []byte) (int, error)       { return f.Conn.Read(p) }
func (f *first) SetDeadline(time.Time) error      { return nil }
func (f *first) SetReadDeadline(time.Time) error  { return nil }
func (f *first) SetWriteDeadline(time.Time) error { return nil }

func TestTheUserNameForTheProxyIsReadInEachWayThatClientsWriteIt(t *testing.T) {
	d := openDoors(t, "https://verify.twilio.com", mirror{}, nil)
	for header, want := range map[string]string{
		"Basic bmFtZTo=":     "name", // name:
		"basic bmFtZTpwYXNz": "name", // name:pass
		"Basic bmFtZQ==":     "name", // name
		"Bearer bmFtZTo=":    "",
		"Basic %%%":          "",
		"":                   "",
	} {
		req := httptest.NewRequest("GET", "http://verify.twilio.com/v2", nil)
		req.RequestURI = ""
		if header != "" {
			req.Header.Set("Proxy-Authorization", header)
		}
		resp, err := (&http.Transport{Proxy: http.ProxyURL(d.url), DisableKeepAlives: true}).RoundTrip(req)
		if got := read(t, resp, err); !strings.HasSuffix(got, fmt.Sprintf("session %q", want)) {
			t.Errorf("%q: got %s", header, got)
		}
	}
}

func TestBytesBehindTheCONNECTAreNotLost(t *testing.T) {
	d := openDoors(t, "https://verify.twilio.com", mirror{}, nil)
	f := &first{written: make(chan []byte), conn: make(chan net.Conn)}
	secure := tls.Client(f, &tls.Config{RootCAs: d.ca, ServerName: "verify.twilio.com"})
	go func() {
		hello := <-f.written
		resp, c := d.dial(t, "verify.twilio.com:443", hello)
		if resp.StatusCode != 200 {
			t.Errorf("got %s", resp.Status)
		}
		f.conn <- c
	}()
	if _, err := io.WriteString(secure, "GET /v2 HTTP/1.1\r\nHost: verify.twilio.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if got := read(t, resp, err); !strings.HasPrefix(got, "GET https://verify.twilio.com/v2 ") {
		t.Errorf("got %s", got)
	}
}

func TestATunnelIsForOneHost(t *testing.T) {
	d := openDoors(t, "https://verify.twilio.com", mirror{}, nil)
	const eu = "verify.dublin.ie1.twilio.com"
	for _, c := range []struct {
		connect, sni, host string
		status             int
	}{
		{"verify.twilio.com", "verify.twilio.com", "verify.twilio.com", 200},
		{"verify.twilio.com", "verify.twilio.com", "VERIFY.twilio.com:443", 200},
		{"verify.twilio.com", "", "verify.twilio.com", 200},
		{"verify.twilio.com", eu, eu, 421},
		{"verify.twilio.com", eu, "verify.twilio.com", 421},
		{"verify.twilio.com", "verify.twilio.com", eu, 421},
		{"verify.twilio.com", "verify.twilio.com", "127.0.0.1", 421},
		{"verify.twilio.com", "verify.twilio.com", "example.com", 421},
	} {
		resp, conn := d.dial(t, c.connect+":443", nil)
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		secure := tls.Client(conn, &tls.Config{RootCAs: d.ca, ServerName: c.sni, InsecureSkipVerify: c.sni == ""})
		fmt.Fprintf(secure, "GET /v2 HTTP/1.1\r\nHost: %s\r\n\r\n", c.host)
		resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
		if err != nil || resp.StatusCode != c.status {
			t.Errorf("%+v: got %v, %v", c, resp, err)
		}
	}
}

func TestOnlyUpstreamIsConnectedTo(t *testing.T) {
	for _, c := range []struct {
		target string
		edit   func(*proxy.Handler)
		status int
		want   string
	}{
		{"api.twilio.com:443", nil, 403, "api.twilio.com is not upstream verify.twilio.com; let the client call it without the proxy (NO_PROXY), or name it with --tunnel api.twilio.com"},
		{"example.com:443", func(h *proxy.Handler) { h.Offline, h.Tunnel = true, []string{"example.com"} }, 403, "example.com is not upstream verify.twilio.com, and in a replay nothing goes anywhere else; let the client call it without the proxy (NO_PROXY)"},
		{"93.184.216.34:443", nil, 403, "93.184.216.34 is not upstream"},
		{"[::1]:443", nil, 403, "::1 is not upstream"},
		{"verify.twilio.com:22", nil, 403, "CONNECT asks for port 22 of verify.twilio.com; its API is at port 443"},
		{"verify.twilio.com", nil, 400, "CONNECT asks for no HOST:PORT, such as verify.twilio.com:443"},
		{"a_b-:443", nil, 400, "CONNECT asks for no HOST:PORT"},
		{strings.Repeat("a.", 150) + "com:443", nil, 400, "CONNECT asks for no HOST:PORT"},
		{"verify.twilio.com:443", func(h *proxy.Handler) { h.Certifier = nil }, 501, "CONNECT is not supported; give the SDK the proxy as its base URL"},
	} {
		d := openDoors(t, "https://verify.twilio.com", mirror{}, c.edit)
		resp, conn := d.dial(t, c.target, nil)
		resp.Body = io.NopCloser(io.LimitReader(conn, resp.ContentLength))
		if got := read(t, resp, nil); !strings.HasPrefix(got, fmt.Sprintf("%d twilio-vcr: %s", c.status, c.want)) {
			t.Errorf("%s: got %s, want %d %s", c.target, got, c.status, c.want)
		}
		if d.logs.FilterMessage("refused").Len() != 1 {
			t.Errorf("%s: the log has %v", c.target, d.logs.All())
		}
	}
}

func TestATunnelToAnotherHostIsLetThroughUnseen(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "from the other") }))
	defer other.Close()
	address := strings.Replace(other.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	d := openDoors(t, "https://verify.twilio.com", mirror{}, func(h *proxy.Handler) { h.Tunnel = []string{"LocalHost"} })
	resp, conn := d.dial(t, address, nil)
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	secure := tls.Client(conn, &tls.Config{RootCAs: other.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"})
	fmt.Fprint(secure, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if got := read(t, resp, err); got != "from the other" {
		t.Errorf("got %s", got)
	}
	if err := d.stop(); err != nil { // the tunnel, which is open, does not hold it up
		t.Error(err)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	var late net.Error
	if _, err := secure.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
		t.Errorf("the tunnel is still open: %v", err)
	}
}

func TestAStopWaitsForTheCallsInTunnels(t *testing.T) {
	m := mirror{make(chan bool)}
	d := openDoors(t, "https://verify.twilio.com", m, nil)
	got := make(chan string)
	go func() {
		resp, err := d.client("", false).Get("https://verify.twilio.com/v2")
		got <- read(t, resp, err)
	}()
	<-m.wait
	stopped := make(chan error)
	go func() { stopped <- d.stop() }()
	time.Sleep(50 * time.Millisecond)
	m.wait <- true
	if body := <-got; !strings.HasPrefix(body, "GET https://verify.twilio.com/v2") {
		t.Errorf("got %s", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestStalledHandshakesDisturbNobody has 500 tunnels at once, half of which never speak.
func TestStalledHandshakesDisturbNobody(t *testing.T) {
	d := openDoors(t, "https://verify.twilio.com", mirror{}, nil)
	before := runtime.NumGoroutine()
	var stalled []net.Conn
	for range 250 {
		_, c := d.dial(t, "verify.twilio.com:443", []byte("\x16\x03"))
		stalled = append(stalled, c)
	}
	var all sync.WaitGroup
	for range 250 {
		all.Go(func() {
			c := d.client("", false)
			resp, err := c.Get("https://verify.twilio.com/v2")
			if body := read(t, resp, err); !strings.HasPrefix(body, "GET ") {
				t.Errorf("got %s", body)
			}
			c.CloseIdleConnections()
		})
	}
	all.Wait()
	for _, c := range stalled {
		_ = c.Close()
	}
	await(func() bool { return runtime.NumGoroutine() <= before+5 })
	if n := runtime.NumGoroutine(); n > before+5 {
		t.Fatalf("%d goroutines, before there were %d", n, before)
	}
}
