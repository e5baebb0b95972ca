package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/ca"
)

// door is a server that speaks TLS, or doesn't.
type door struct {
	address string
	roots   *x509.CertPool
	file    string // of the CA
	journal *proxy.Journal
	logs    *observer.ObservedLogs
}

// open starts a door that answers with the protocol of the request. It must stop in order.
func open(t *testing.T, address string, secure bool) *door {
	t.Helper()
	authority, err := ca.New([]string{"twilio.com"})
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	d := &door{roots: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "ca.pem"), journal: proxy.NewJournal(zap.New(core)), logs: logs}
	d.roots.AppendCertsFromPEM(authority.PEM())
	if err := os.WriteFile(d.file, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := proxy.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		l = proxy.Secure(l, authority, d.journal)
	}
	d.address = l.Addr().String()
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Proto, body)
	}), d.journal)
	return d
}

// await waits until ok, which the test checks by itself, for 10 s at most.
func await(ok func() bool) {
	for deadline := time.Now().Add(10 * time.Second); !ok() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// said returns the reasons in the log.
func (d *door) said() []string {
	var all []string
	for _, line := range d.logs.All() {
		all = append(all, line.Message+": "+fmt.Sprint(line.ContextMap()["reason"]))
	}
	return all
}

// ask sends a request, on a connection of its own, and returns the body.
func (d *door) ask(url string, config *tls.Config, http2 bool) (string, error) {
	transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: http2, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		network := "tcp"
		if strings.Contains(d.address, "/") {
			network = "unix"
		}
		return (&net.Dialer{}).DialContext(ctx, network, d.address)
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Post(url, "text/plain", strings.NewReader("hello"))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestTLSForEachNameOfTheProxyWithBothProtocols(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		d := open(t, address, true)
		hosts := []string{"localhost", "verify.twilio.com"}
		if host, _, err := net.SplitHostPort(d.address); err == nil {
			hosts = append(hosts, host)
		}
		for _, host := range hosts {
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
				if got, err := d.ask("https://"+host, &tls.Config{RootCAs: d.roots}, http2); err != nil || got != proto+" hello" {
					t.Errorf("%s: %s: got %q, %v, want %s", address, host, got, err, proto)
				}
			}
		}
		if said := d.said(); len(said) > 0 {
			t.Errorf("it says %q", said)
		}
	}
}

func TestAStopWaitsForCallsInFlightOfHTTP2(t *testing.T) {
	authority, err := ca.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	journal := proxy.NewJournal(zap.NewNop())
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan bool, 2)
	stop := serve(t, proxy.Secure(l, authority, journal), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		time.Sleep(200 * time.Millisecond)
		_, _ = io.WriteString(w, "whole")
	}), journal)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}} // whose connection stays open
	got := make(chan string)
	go func() {
		resp, err := client.Get("https://" + l.Addr().String())
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got <- resp.Proto + " " + string(body)
	}()
	<-started
	begin := time.Now()
	if err := stop(); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("it ended after %s with %v", time.Since(begin), err)
	}
	if body := <-got; body != "HTTP/2.0 whole" {
		t.Errorf("the client got %q", body)
	}
}

func TestCurlSpeaksTLSToTheProxy(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	d := open(t, "127.0.0.1:0", true)
	socket := open(t, "unix:"+filepath.Join(t.TempDir(), "s"), true)
	_, port, _ := net.SplitHostPort(d.address)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"HTTP/1.1 a", []string{"--http1.1", "--cacert", d.file, "https://localhost:" + port}},
		{"HTTP/2.0 a", []string{"--http2", "--cacert", d.file, "https://127.0.0.1:" + port}},
		{"HTTP/2.0 a", []string{"--http2", "--cacert", socket.file, "--unix-socket", socket.address, "https://localhost/"}},
		{"write https:// in the base URL", []string{"http://localhost:" + port}},
		{"certificate", []string{"https://localhost:" + port}},
	} {
		out, _ := exec.Command("curl", append([]string{"-sS", "--noproxy", "*", "-d", "a"}, c.args...)...).CombinedOutput()
		if !strings.Contains(string(out), c.want) {
			t.Errorf("%v: got %s", c.args, out)
		}
	}
	await(func() bool { return d.journal.Count(cassettes.Refused) == 2 })
	if said := strings.Join(d.said(), "\n"); !strings.Contains(said, "CURL_CA_BUNDLE") || !strings.Contains(said, "https://") || d.journal.Count(cassettes.Refused) != 2 {
		t.Errorf("it says %s", said)
	}
}

// failing are clients that fail, each with what is said of it.
var failing = []struct {
	name   string
	secure bool
	client func(t *testing.T, d *door) // does something wrong
	said   string                      // "" for nothing
}{
	{"does not trust the CA", true, func(t *testing.T, d *door) {
		if _, err := d.ask("https://localhost", &tls.Config{RootCAs: x509.NewCertPool()}, true); err == nil {
			t.Error("it trusts anybody")
		}
	}, `refused: a client has refused the TLS handshake (bad certificate); if it does not trust the local CA, set SSL_CERT_FILE (Go, Ruby), NODE_EXTRA_CA_CERTS (Node), REQUESTS_CA_BUNDLE (Python) or CURL_CA_BUNDLE (curl) to the path that "twilio-vcr ca" prints`},
	{"asks for another host", true, func(t *testing.T, d *door) {
		if _, err := d.ask("https://example.com", &tls.Config{RootCAs: d.roots}, true); err == nil {
			t.Error("it got a certificate")
		}
	}, `refused: a client asks for another host: the local CA is for localhost, twilio.com, 127.0.0.0/8 and ::1/128, and not for "example.com"; reach the proxy by one of these, or name the host in --upstream or --listen and make a new CA with "twilio-vcr ca renew"`},
	{"speaks an old version", true, func(t *testing.T, d *door) {
		if _, err := d.ask("https://localhost", &tls.Config{RootCAs: d.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false); err == nil {
			t.Error("it got through")
		}
	}, "refused: a client and this proxy can't agree on TLS: tls: client offered only unsupported versions: [302 301]"},
	{"breaks off", true, func(t *testing.T, d *door) {
		c := dial(t, d.address)
		if _, err := c.Write(clientHello(t)[:50]); err != nil {
			t.Error(err)
		}
		c.Close()
	}, `refused: a client has broken off the TLS handshake; if it does not trust the local CA, set SSL_CERT_FILE (Go, Ruby), NODE_EXTRA_CA_CERTS (Node), REQUESTS_CA_BUNDLE (Python) or CURL_CA_BUNDLE (curl) to the path that "twilio-vcr ca" prints`},
	{"speaks HTTP", true, func(t *testing.T, d *door) {
		got := raw(t, d.address, "POST /v2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("s3cr3t", 10000))
		if !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n") || !strings.Contains(got, "X-Vcr-Outcome: refused\r\n") || !strings.Contains(got, "write https://") {
			t.Errorf("the client got %q", got)
		}
	}, "refused: a client speaks no TLS, and this address does: write https:// in the base URL in the place of http://, or start the proxy without --tls"},
	{"only looks whether somebody listens", true, func(t *testing.T, d *door) { dial(t, d.address).Close() }, ""},
	{"speaks no HTTP inside of TLS", true, func(t *testing.T, d *door) {
		c, err := tls.Dial("tcp", d.address, &tls.Config{RootCAs: d.roots})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "s3cr3t s3cr3t s3cr3t\r\n\r\n")
		if got, _ := io.ReadAll(c); !strings.Contains(string(got), `"status":400}`) {
			t.Errorf("the client got %q", got)
		}
	}, `refused: twilio-vcr: the request is no HTTP that can be read (400 Bad Request); send HTTP/1.1, not TLS, with a URL whose escapes are right`},
	{"speaks TLS to what does not", false, func(t *testing.T, d *door) {
		if _, err := d.ask("https://localhost", &tls.Config{RootCAs: d.roots}, false); err == nil {
			t.Error("it got through")
		}
	}, "refused: a client speaks TLS, and this address does not: write http:// in the base URL in the place of https://, or start the proxy with --tls"},
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// clientHello is what a client says first.
func clientHello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() }()
	hello := make([]byte, 4096)
	n, err := server.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

func TestAClientThatFailsIsExplainedOnce(t *testing.T) {
	log.SetOutput(io.Discard)
	for _, f := range failing {
		t.Run(f.name, func(t *testing.T) {
			d := open(t, "127.0.0.1:0", f.secure)
			scheme := "http"
			if f.secure {
				scheme = "https"
			}
			f.client(t, d)
			f.client(t, d)
			want := 2 // counted
			if f.said == "" {
				want = 0
			}
			await(func() bool { return d.journal.Count(cassettes.Refused) >= want })
			if n := d.journal.Count(cassettes.Refused); n != want {
				t.Errorf("%d were counted, want %d", n, want)
			}
			if got, err := d.ask(scheme+"://localhost", &tls.Config{RootCAs: d.roots}, false); err != nil || got != "HTTP/1.1 hello" {
				t.Errorf("others get %q, %v", got, err)
			}
			said := d.said()
			if strings.HasPrefix(f.said, "refused: twilio-vcr: ") { // a request, each of which is told
				said = said[:1]
			}
			if strings.Join(said, "\n") != f.said {
				t.Errorf("it says\n%s\nwant\n%s", strings.Join(said, "\n"), f.said)
			}
			for _, line := range d.logs.All() {
				if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "s3cr3t") {
					t.Error("the log quotes the client:", text)
				}
			}
		})
	}
}

func TestStalledHandshakesAreCutOffAndDisturbNobody(t *testing.T) {
	d := open(t, "127.0.0.1:0", true)
	config := &tls.Config{RootCAs: d.roots}
	if _, err := d.ask("https://localhost", config, true); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	hello := clientHello(t)
	var stalled []net.Conn
	for i := range 200 {
		c := dial(t, d.address)
		stalled = append(stalled, c)
		if _, err := c.Write(hello[:i%2*len(hello)/2]); err != nil { // nothing, or half
			t.Fatal(err)
		}
	}
	started := time.Now()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if got, err := d.ask("https://localhost", config, i%2 == 0); err != nil || !strings.HasSuffix(got, " hello") {
				t.Errorf("others get %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if d := time.Since(started); d > 5*time.Second {
		t.Errorf("others wait for %s", d)
	}
	for _, c := range stalled {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("it is not cut off: %v", err)
		}
	}
	if said := d.said(); len(said) != 1 || said[0] != "refused: a client did not finish the TLS handshake within 10s and was cut off" {
		t.Errorf("it says %q", said)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
