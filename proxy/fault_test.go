package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

// faulty puts faults before a mode.
func faulty(t *testing.T, next http.RoundTripper, p *redact.Policy, report cassettes.Report, seed uint64, rules ...string) http.RoundTripper {
	t.Helper()
	i := &fault.Injector{Next: next, Seed: seed, Policy: p, Report: report}
	for _, text := range rules {
		r, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		i.Rules = append(i.Rules, r)
	}
	return i
}

// replayingFaults starts a proxy that replays interactions with faults.
func replayingFaults(t *testing.T, all []*cassette.Interaction, seed uint64, rules ...string) *stand {
	t.Helper()
	c := &cassettes.Cassette{File: "test.yaml", Interactions: all}
	return start(t, "https://verify.twilio.com", func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
		player := &cassettes.Player{Session: cassettes.NewSession(c, p, cassettes.Match{}, cassettes.PlayLast), Policy: p, Report: report}
		return faulty(t, player, p, report, seed, rules...)
	})
}

// approved is a tape with one answer to POST /v2, of 22 bytes.
func approved() []*cassette.Interaction {
	return []*cassette.Interaction{{
		Request:  cassette.Request{Method: "POST", URL: "/v2"},
		Response: cassette.Response{Code: 200, Body: `{"status": "approved"}`, Headers: http.Header{"Content-Length": {"22"}, "X-A": {"1"}}},
	}}
}

const rawPost = "POST /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

// told returns the reasons of the faults that s has told of.
func (s *stand) told() []string {
	var reasons []string
	for _, line := range s.logs.FilterMessage("fault").All() {
		reasons = append(reasons, fmt.Sprint(line.ContextMap()["reason"]))
	}
	return reasons
}

func TestWhatAClientGetsFromAFault(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 22\r\nX-A: 1\r\n"
	for _, c := range []struct{ rule, want, told string }{
		{"status=429,retry-after=2",
			"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 112\r\nContent-Type: application/json\r\nRetry-After: 2\r\nX-Vcr-Outcome: fault\r\nConnection: close\r\n\r\n" +
				`{"code":20429,"message":"Too many requests","more_info":"https://www.twilio.com/docs/errors/20429","status":429}`,
			`status 429 by fault "status=429,retry-after=2"`},
		{"status=503,delay=10ms",
			"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 114\r\nContent-Type: application/json\r\nX-Vcr-Outcome: fault\r\nConnection: close\r\n\r\n" +
				`{"code":20503,"message":"Service Unavailable","more_info":"https://www.twilio.com/docs/errors/20503","status":503}`,
			`delay 10ms, status 503 by fault "status=503,delay=10ms"`},
		{"drop", "", `connection cut by fault "drop"`},
		{"truncate", whole + "X-Vcr-Outcome: fault\r\nConnection: close\r\n\r\n" + `{"status": `, `answer cut after 11 of 22 bytes by fault "truncate"`},
		{"delay=10ms", whole + "X-Vcr-Outcome: fault\r\nConnection: close\r\n\r\n" + `{"status": "approved"}`, `delay 10ms by fault "delay=10ms"`},
		{"nth=2,drop", whole + "Connection: close\r\n\r\n" + `{"status": "approved"}`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := replayingFaults(t, approved(), 1, c.rule)
			if got := raw(t, s.Listener.Addr().String(), rawPost); got != c.want {
				t.Errorf("the client got\n%q, want\n%q", got, c.want)
			}
			s.Close() // a handler may still be at its end
			if got := strings.Join(s.told(), "; "); got != c.told {
				t.Errorf("told\n%s, want\n%s", got, c.told)
			}
			if n := s.logs.FilterLevelExact(zap.WarnLevel).Len(); n > 0 {
				t.Errorf("there are %d warnings", n)
			}
		})
	}
}

func TestTheClientOfATruncatedAnswerSeesAnUnexpectedEnd(t *testing.T) {
	tape := approved()
	chunked := *tape[0]
	chunked.Request.URL = "/chunked"
	chunked.Response.Headers = http.Header{"Trailer": {"X-Sum"}}
	chunked.Response.Trailer = http.Header{"X-Sum": {"7"}}
	s := replayingFaults(t, append(tape, &chunked), 1, "truncate")
	for range 2 { // the second time too: nothing of the first is left on the connection
		for _, path := range []string{"/v2", "/chunked"} {
			resp, err := s.Client().Post(s.URL+path, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != `{"status": ` || resp.ContentLength != 22 || resp.StatusCode != 200 {
				t.Errorf("%s: got %d with %q of %d bytes, %v", path, resp.StatusCode, body, resp.ContentLength, err)
			}
		}
	}
	s.Close()
	if n := s.journal.Count(cassettes.Replayed, cassettes.Repeated); n != 4 || s.journal.Count(cassettes.Faulted) != 4 || s.logs.Len() != 8 {
		t.Errorf("%d were replayed, and %d told in %d lines", n, s.journal.Count(cassettes.Faulted), s.logs.Len())
	}
}

func TestAnAnswerWithoutABodyIsNotTruncated(t *testing.T) {
	tape := []*cassette.Interaction{{Request: cassette.Request{Method: "POST", URL: "/v2"}, Response: cassette.Response{Code: 204, Headers: http.Header{}}}}
	s := replayingFaults(t, tape, 1, "truncate")
	if got, want := raw(t, s.Listener.Addr().String(), rawPost), "HTTP/1.1 204 No Content\r\nX-Vcr-Outcome: fault\r\nConnection: close\r\n\r\n"; got != want {
		t.Errorf("the client got %q, want %q", got, want)
	}
	s.Close()
	if got := s.told(); len(got) != 1 || got[0] != `no body to truncate by fault "truncate"` {
		t.Errorf("told %q", got)
	}
}

func TestADropCutsAKeptConnectionAndLogsNothingElse(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	journal := proxy.NewJournal(zap.New(core))
	policy, report := &redact.Policy{}, cassettes.Report{Tell: journal.Tell}
	player := &cassettes.Player{Session: cassettes.NewSession(&cassettes.Cassette{Interactions: approved()}, policy, cassettes.Match{}, cassettes.PlayLast), Policy: policy, Report: report}
	u, _ := url.Parse("https://verify.twilio.com")
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, l, proxy.New(faulty(t, player, policy, report, 1, "nth=2,drop"), u, policy, journal), journal)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(c)
	fmt.Fprint(c, "POST /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	fmt.Fprintf(c, "POST /v2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n%01000000d", 7)
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil { // an orderly end, although the body was long
		t.Errorf("the client got %q, %v", rest, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range logs.All() {
		lines = append(lines, e.Message)
	}
	if got := strings.Join(lines, " "); got != "replayed fault" {
		t.Errorf("the log says %s", got)
	}
}

func TestADelayIsWaitedForAndEndsWhenTheClientGoesAway(t *testing.T) {
	s := replayingFaults(t, approved(), 1, "nth=1,delay=100ms", "delay=4m")
	post(t, s.URL+"/v2", "", nil)
	if took := s.logs.FilterMessage("fault").All()[0].ContextMap()["duration"].(time.Duration); took < 100*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	if resp, err := impatient.Post(s.URL+"/v2", "text/plain", strings.NewReader("a")); err == nil {
		t.Errorf("the client got %s", resp.Status)
	}
	s.Close() // waits for the handler
	if got := s.told()[1]; got != `delay 4m0s that the client did not wait for by fault "delay=4m"` {
		t.Errorf("told %s", got)
	}
}

// hits sends each of 40 requests 16 times, from so many clients at once, and returns how often each was hit.
func hits(t *testing.T, seed uint64, clients int) string {
	t.Helper()
	var tape []*cassette.Interaction
	for n := range 40 {
		tape = append(tape, &cassette.Interaction{ID: n, Request: cassette.Request{Method: "POST", URL: fmt.Sprintf("/v2/%d", n)}, Response: cassette.Response{Code: 200}})
	}
	s := replayingFaults(t, tape, seed, "path=/v2/1*,rate=0.4,status=429", "rate=0.3,status=503")
	var mu sync.Mutex
	counts := map[string]map[int]int{} // by path and status
	work := make(chan string)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for path := range work {
				a := post(t, s.URL+path, "", nil)
				mu.Lock()
				if counts[path] == nil {
					counts[path] = map[int]int{}
				}
				counts[path][a.StatusCode]++
				mu.Unlock()
			}
		})
	}
	for range 16 {
		for n := range 40 {
			work <- fmt.Sprintf("/v2/%d", n)
		}
	}
	close(work)
	wg.Wait()
	if n := s.journal.Count(cassettes.Faulted) + s.journal.Count(cassettes.Replayed, cassettes.Repeated); n != 640 {
		t.Errorf("%d of 640 requests were told", n)
	}
	return fmt.Sprint(counts) // fmt sorts the keys of maps
}

func TestTheSameRequestsAreHitHoweverManyClientsSendThem(t *testing.T) {
	alone := hits(t, 1, 1)
	if !strings.Contains(alone, "429:") || !strings.Contains(alone, "503:") {
		t.Fatalf("one client was hit so: %s", alone)
	}
	for range 2 {
		if many := hits(t, 1, 64); many != alone {
			t.Errorf("64 clients were hit\n%s, one\n%s", many, alone)
		}
	}
	if other := hits(t, 2, 64); other == alone {
		t.Error("another seed hits the same")
	}
}

func TestABodyThatIsTooLongIsRefusedBeforeAFault(t *testing.T) {
	s := replayingFaults(t, approved(), 1, "status=500")
	req, err := http.NewRequest("POST", s.URL+"/v2", io.LimitReader(zeros{}, cassettes.MaxBody+1)) // in chunks
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 || s.journal.Count(cassettes.Faulted) != 0 {
		t.Errorf("got %s, and %d faults", resp.Status, s.journal.Count(cassettes.Faulted))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAFaultTellsNoSecret(t *testing.T) {
	const (
		account = "AC0c4n4ry5f872f6da5a21de157d809970"
		token   = "c4n4ry70k3nc4n4ry70k3nc4n4ry70k3"
		number  = "+4917512345678"
	)
	for _, rule := range []string{"status=429,retry-after=2", "status=418", "drop", "truncate", "delay=1ms", "rate=1,drop", "nth=1,status=500"} {
		s := replayingFaults(t, approved(), 1, rule)
		form := "To=%2B4917512345678&Code=482913&token=" + token
		target := "/v2/Services/" + account + "/Verifications/" + url.PathEscape(number)
		req, _ := http.NewRequest("POST", "", nil)
		req.SetBasicAuth(account, token)
		got := raw(t, s.Listener.Addr().String(), fmt.Sprintf("POST %s?PageToken=%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %s\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", target, token, req.Header.Get("Authorization"), len(form), form))
		s.Close()
		lines := s.logs.All()
		if s.journal.Count(cassettes.Faulted) != 1 {
			t.Errorf("%s: it is not counted", rule)
		}
		text := got
		for _, line := range lines {
			text += "\n" + line.Message + " " + fmt.Sprint(line.ContextMap())
		}
		for _, secret := range []string{account, account[2:], token, number[1:], "482913", strings.TrimPrefix(req.Header.Get("Authorization"), "Basic ")} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s is left in\n%s", rule, secret, text)
			}
		}
	}
}
