package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
	"github.com/twilio-vcr/twilio-vcr/proxy"
)

// stand is a proxy in front of a transport, with what it has told.
type stand struct {
	*httptest.Server
	journal *proxy.Journal
	logs    *observer.ObservedLogs
}

func start(t *testing.T, upstream string, mode func(*redact.Policy, cassettes.Report) http.RoundTripper) *stand {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	journal := proxy.NewJournal(zap.New(core))
	policy := &redact.Policy{}
	s := &stand{httptest.NewServer(proxy.New(mode(policy, cassettes.Report{Tell: journal.Tell}), u, policy, journal)), journal, logs}
	t.Cleanup(s.Close)
	return s
}

// serve answers on l with h. It stops in order at the end of the test, or when stop is called.
func serve(t *testing.T, l net.Listener, h http.Handler, journal *proxy.Journal) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- proxy.Serve(ctx, l, h, journal) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// recording starts a proxy that records to file.
func recording(t *testing.T, upstream, file string) (*stand, *cassettes.Writer) {
	t.Helper()
	w, err := cassettes.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.Close() })
	return start(t, upstream, func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
		return &cassettes.Recorder{Upstream: proxy.NewUpstream(), Writer: w, Policy: p, Report: report, Timeout: time.Second}
	}), w
}

// replaying starts a proxy that replays interactions.
func replaying(t *testing.T, all ...*cassette.Interaction) *stand {
	t.Helper()
	c := &cassettes.Cassette{File: "test.yaml", Interactions: all}
	return start(t, "https://verify.twilio.com", func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
		return &cassettes.Player{Session: cassettes.NewSession(c, p, cassettes.Match{}, cassettes.PlayLast), Policy: p, Report: report}
	})
}

func upstream(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// raw sends text over a new connection and returns all that comes back.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// dumb listens, reads one request on each connection, and writes answer.
func dumb(t *testing.T, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestARequestReachesUpstreamAsTheClientSentIt(t *testing.T) {
	type request struct {
		uri, host, body string
		header          http.Header
	}
	got := make(chan request, 1)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.RequestURI, r.Host, string(body), r.Header}
	})
	modes := map[string]func(t *testing.T) *stand{
		"record": func(t *testing.T) *stand {
			s, _ := recording(t, up.URL, filepath.Join(t.TempDir(), "c.yaml"))
			return s
		},
		"passthrough": func(t *testing.T) *stand {
			return start(t, up.URL, func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
				return &cassettes.Passthrough{Upstream: proxy.NewUpstream(), Policy: p, Report: report}
			})
		},
	}
	for mode, open := range modes {
		s := open(t)
		for _, uri := range []string{
			"/v2/Services/VAa/Verifications/VEa", "/v/%2B15017122661", "/v/+15017122661", "/a//b/../c/", "/?", "/?a=1;b=2&c=%zz&d=%", "/?b=2&a=1&a=%2b", "/caf%C3%A9?q=%C3%A9", "*",
		} {
			t.Run(mode+" "+uri, func(t *testing.T) {
				raw(t, s.Listener.Addr().String(), "POST "+uri+" HTTP/1.1\r\nHost: verify.twilio.com\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"+
					"Accept-Encoding: br\r\nX-Vcr-Cassette: login\r\nProxy-Authorization: Basic eDp5\r\nUpgrade: websocket\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n"+
					"Authorization: Basic YTpi\r\nX-Mine: 1\r\nX-Mine: 2\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\na=%zz;\n")
				r := <-got
				if r.uri != uri {
					t.Errorf("the target became %q", r.uri)
				}
				if r.host != "verify.twilio.com" {
					t.Errorf("the host became %q", r.host)
				}
				if r.body != "a=%zz;\n" {
					t.Errorf("the body became %q", r.body)
				}
				want := http.Header{
					"Authorization": {"Basic YTpi"}, "Content-Length": {"7"}, "Content-Type": {"text/plain"}, "X-Mine": {"1", "2"},
					"X-Forwarded-For": {"10.0.0.1"}, "Forwarded": {"for=10.0.0.1"},
				}
				if fmt.Sprint(r.header) != fmt.Sprint(want) {
					t.Errorf("the headers became\n%v, want\n%v", r.header, want)
				}
			})
		}
		t.Run(mode+" by our own name", func(t *testing.T) {
			raw(t, s.Listener.Addr().String(), "GET / HTTP/1.1\r\nHost: localhost:4010\r\nConnection: close\r\n\r\n")
			if r := <-got; "http://"+r.host != up.URL || len(r.header) != 0 {
				t.Errorf("upstream was called %q with %v", r.host, r.header)
			}
		})
	}
}

func TestAReplayedAnswerIsTheRecordedOne(t *testing.T) {
	for name, c := range map[string]struct{ method, answer, want string }{
		"JSON": {"POST", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nTwilio-Request-Id: RQ1\r\n\r\n{\"a\": 1}\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: application/json\r\nTwilio-Request-Id: RQ1\r\nConnection: close\r\n\r\n{\"a\": 1}\n"},
		"no Date and no Content-Type": {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
			"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"},
		"a Date": {"GET", "HTTP/1.1 200 OK\r\nDate: Thu, 30 Jul 2015 20:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: Thu, 30 Jul 2015 20:00:00 GMT\r\nConnection: close\r\n\r\n"},
		"HEAD": {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 123\r\nConnection: close\r\n\r\n"},
		"204":  {"POST", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", "HTTP/1.1 204 No Content\r\nX-A: 1\r\nConnection: close\r\n\r\n"},
		"304":  {"GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"1\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nEtag: \"1\"\r\nConnection: close\r\n\r\n"},
		"a redirect": {"GET", "HTTP/1.1 302 Found\r\nLocation: https://verify.twilio.com/x\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://verify.twilio.com/x\r\nConnection: close\r\n\r\n"},
		"hop-by-hop headers": {"GET", "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"},
		"the same header twice": {"GET", "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\nok"},
		"chunks": {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
		"trailers": {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"},
		"an error": {"POST", "HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{\"code\": 20404}",
			"HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"code\": 20404}"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			rec, w := recording(t, dumb(t, c.answer), file)
			request := c.method + " /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
			if got := raw(t, rec.Listener.Addr().String(), request); got != c.want {
				t.Errorf("recording, the client got\n%q, want\n%q", got, c.want)
			}
			if _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
			tape, err := cassettes.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			play := replaying(t, tape.Interactions...)
			for range 2 { // the second time too: nothing of the first is left in the tape
				if got := raw(t, play.Listener.Addr().String(), request); got != c.want {
					t.Errorf("replaying, the client got\n%q, want\n%q", got, c.want)
				}
			}
		})
	}
}

type answer struct {
	*http.Response
	body string
}

// post sends a form and returns the answer, never following a redirect and never decompressing.
func post(t *testing.T, target, form string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequest("POST", target, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range header {
		req.Header[k] = v
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(body)}
}

// twilioError checks that a is an error in Twilio's shape and returns its message.
func twilioError(t *testing.T, a answer, status int) string {
	t.Helper()
	var e verify.Error
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.StatusCode != status || e.Status != status || e.Code == 0 || e.Message == "" || e.MoreInfo == "" {
		t.Errorf("got %d %q, want a Twilio error with status %d", a.StatusCode, a.body, status)
	}
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get(cassettes.OutcomeHeader) == "" {
		t.Errorf("its headers are %v", a.Header)
	}
	return e.Message
}

func TestTwoIdenticalMissesCallUpstreamOnce(t *testing.T) {
	var calls atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		fmt.Fprintf(w, "call %d", calls.Add(1))
	})
	w, tape, err := cassettes.Append(filepath.Join(t.TempDir(), "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, up.URL, func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
		session := cassettes.NewSession(tape, p, cassettes.Match{}, cassettes.PlayLast)
		return &cassettes.Player{Session: session, Policy: p, Report: report, Miss: &cassettes.Recorder{
			Upstream: proxy.NewUpstream(), Writer: w, Policy: p, Report: report, Added: session.Add,
		}}
	})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if a := post(t, s.URL+"/v2", "Status=approved", nil); a.body != "call 1" {
				t.Errorf("got %q", a.body)
			}
		})
	}
	wg.Wait()
	if a := post(t, s.URL+"/v2", "Status=canceled", nil); a.body != "call 2" {
		t.Errorf("another request got %q", a.body)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("upstream was called %d times", n)
	}
	if s.journal.Count(cassettes.Recorded) != 2 || s.journal.Count(cassettes.Repeated) != 15 {
		t.Errorf("%d recorded, %d repeated", s.journal.Count(cassettes.Recorded), s.journal.Count(cassettes.Repeated))
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAMissIsATwilioErrorThatNamesTheDifference(t *testing.T) {
	s := replaying(t, &cassette.Interaction{
		ID:       5,
		Request:  cassette.Request{Method: "POST", URL: "https://x/v2", Body: "Status=approved", Headers: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		Response: cassette.Response{Code: 200},
	})
	a := post(t, s.URL+"/v2", "Status=canceled", nil)
	message := twilioError(t, a, 501)
	if want := `nearest is interaction 5: form Status: recorded "approved", got "canceled"`; !strings.Contains(message, want) {
		t.Errorf("the message is %q, want %q", message, want)
	}
	if got := a.Header.Get("X-Vcr-Outcome"); got != "miss" {
		t.Errorf("X-Vcr-Outcome is %q", got)
	}
}

func TestManyClientsReplayOneInteractionAtOnce(t *testing.T) {
	body := strings.Repeat(`{"status": "approved"}`, 1000)
	s := replaying(t, &cassette.Interaction{
		Request:  cassette.Request{Method: "POST", URL: "/v2"},
		Response: cassette.Response{Code: 200, Body: body, Headers: http.Header{"X-A": {"1"}, "Connection": {"X-B"}, "X-B": {"2"}}},
	})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 10 {
				if a := post(t, s.URL+"/v2", "", nil); a.body != body || a.Header.Get("X-A") != "1" || a.Header.Get("X-B") != "" {
					t.Errorf("got %d bytes with %v", len(a.body), a.Header)
				}
			}
		})
	}
	wg.Wait()
	if n := s.journal.Count(cassettes.Replayed, cassettes.Repeated); n != 640 {
		t.Errorf("%d were counted", n)
	}
}

func TestAReplayedAnswerTakesAsLongAsAsked(t *testing.T) {
	it := &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "/v2"}, Response: cassette.Response{Code: 200, Duration: 300 * time.Millisecond}}
	c := &cassettes.Cassette{Interactions: []*cassette.Interaction{it}}
	for asked, least := range map[string]time.Duration{"none": 0, "recorded": 300 * time.Millisecond, "120ms": 120 * time.Millisecond, "150ms±50ms": 100 * time.Millisecond} {
		latency, err := cassettes.ParseLatency(asked)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, "http://x", func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
			return &cassettes.Player{Session: cassettes.NewSession(c, p, cassettes.Match{}, cassettes.PlayLast), Policy: p, Report: report, Latency: latency}
		})
		post(t, s.URL+"/v2", "", nil)
		took := s.logs.FilterMessage("replayed").All()[0].ContextMap()["duration"].(time.Duration)
		if took < least || asked == "none" && took >= 300*time.Millisecond {
			t.Errorf("%s: it took %s", asked, took)
		}
	}
}

func TestEachExchangeIsOneLogLineWithoutHeadersAndBodies(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Header", "s3cr3t")
		_, _ = io.WriteString(w, "s3cr3t")
	})
	s, _ := recording(t, up.URL, filepath.Join(t.TempDir(), "c.yaml"))
	post(t, s.URL+"/v2/AC0123456789abcdef0123456789abcdef?q=s3cr3t", "Body=s3cr3t", http.Header{"X-Header": {"s3cr3t"}})
	lines := s.logs.All()
	if len(lines) != 1 {
		t.Fatalf("there are %d lines", len(lines))
	}
	fields := lines[0].ContextMap()
	delete(fields, "duration")
	want := map[string]any{"method": "POST", "path": "/v2/" + redact.Pseudonym("AC0123456789abcdef0123456789abcdef"), "status": int64(200), "interaction": int64(0)}
	if lines[0].Message != "recorded" || fmt.Sprint(fields) != fmt.Sprint(want) {
		t.Errorf("the line is %s %v, want %v", lines[0].Message, fields, want)
	}
}

func TestOneHundredTimesTheSameHeaderIsNotShared(t *testing.T) {
	it := &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "/v2"}, Response: cassette.Response{Code: 200, Headers: http.Header{"X-A": {"1"}}}}
	s := replaying(t, it)
	for range 100 {
		post(t, s.URL+"/v2", "", nil)
	}
	if !slices.Equal(it.Response.Headers["X-A"], []string{"1"}) || len(it.Response.Headers) != 1 {
		t.Errorf("the tape's headers became %v", it.Response.Headers)
	}
}

func TestAReplayedAnswerSpeaksInTheCallersOwnSIDs(t *testing.T) {
	const recorded, other = "AC0123456789abcdef0123456789abcdef", "ACfedcba9876543210fedcba9876543210"
	pseudonym := redact.Pseudonym(recorded)
	s := replaying(t, &cassette.Interaction{
		Request: cassette.Request{Method: "POST", URL: "/v2"},
		Response: cassette.Response{Code: 200, Body: `{"account_sid": "` + pseudonym + `"}`, Headers: http.Header{
			"Location": {"/Accounts/" + pseudonym},
		}},
	})
	for caller, want := range map[string]string{recorded: recorded, other: pseudonym} {
		req, _ := http.NewRequest("POST", "", nil)
		req.SetBasicAuth(caller, "token")
		a := post(t, s.URL+"/v2", "", req.Header)
		if a.body != `{"account_sid": "`+want+`"}` || a.Header.Get("Location") != "/Accounts/"+want {
			t.Errorf("%s got %s, %v", caller, a.body, a.Header)
		}
	}
}
