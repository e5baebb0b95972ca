package cassettes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// replaying returns sessions that replay what is in dir.
func replaying(t *testing.T, dir string, play Play) (*Sessions, *heard) {
	t.Helper()
	folder, err := OpenFolder(dir, false)
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	told := &heard{}
	s := &Sessions{Folder: folder, Policy: &redact.Policy{}, Report: Report{Tell: told.exchange}, Notify: told.notice}
	s.Open = func(name string) (*Tape, error) {
		c, err := folder.Load(name)
		if err != nil {
			return nil, err
		}
		session := NewSession(c, s.Policy, Match{}, play)
		return &Tape{RoundTripper: &Player{Session: session, Policy: s.Policy, Report: s.Report}, Session: session, Notices: c.Notices}, nil
	}
	return s, told
}

// heard is what was reported.
type heard struct {
	mu        sync.Mutex
	exchanges []Exchange
	notices   []string
}

func (t *heard) exchange(e Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges = append(t.exchanges, e)
}

func (t *heard) notice(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notices = append(t.notices, text)
}

func (t *heard) last() Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.exchanges[len(t.exchanges)-1]
}

// ask sends a form to the session name, and returns the status and the body, or the message of an error.
func ask(t *testing.T, s http.RoundTripper, name, form string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("POST", "http://proxy/v2/x", strings.NewReader(form))
	must(t, err)
	req.Header.Set("Content-Type", formMedia)
	req.SetBasicAuth("AC0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210")
	resp, err := s.RoundTrip(req.WithContext(WithSession(req.Context(), name)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	var answer struct{ Message string }
	if json.Unmarshal(body, &answer) == nil && answer.Message != "" {
		return resp.StatusCode, answer.Message
	}
	return resp.StatusCode, string(body)
}

// record makes a cassette of calls "n=0" that are answered "NAME 0", "NAME 1" and so on.
func record(t *testing.T, dir, name string, calls int) {
	t.Helper()
	file := filepath.Join(dir, name+suffix)
	w, err := Create(file)
	must(t, err)
	for i := range calls {
		it := numbered(i)
		it.Request = *request("POST", "https://verify.twilio.com/v2/x", formMedia, "n=0")
		it.Response.Body = fmt.Sprintf("%s %d", name, i)
		if _, err := w.Append(it, func(string) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestParallelTestsGetTheSameAnswersAlways is a suite of 50 tests in one process that know nothing of each other.
func TestParallelTestsGetTheSameAnswersAlways(t *testing.T) {
	const tests, calls = 50, 8
	dir := t.TempDir()
	for i := range tests {
		record(t, dir, fmt.Sprintf("suite-%d/test", i), calls)
	}
	s, _ := replaying(t, dir, PlayOnce)
	s.Idle = time.Millisecond // they come and go all the time
	t.Run("suite", func(t *testing.T) {
		for i := range tests {
			name := fmt.Sprintf("suite-%d/test", i)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for n := range calls {
					if status, body := ask(t, s, name, "n=0"); status != 200 || body != fmt.Sprintf("%s %d", name, n) {
						t.Errorf("call %d got %d %s", n, status, body)
					}
					if n%3 == i%3 {
						time.Sleep(2 * time.Millisecond)
					}
				}
				if status, body := ask(t, s, name, "n=0"); status != 501 || !strings.Contains(body, "(used-up): recorded 8 times, already answered 8 times") {
					t.Errorf("after the last call: %d %s", status, body)
				}
			})
		}
	})
	if unused, err := s.Unused(); err != nil || len(unused) > 0 {
		t.Errorf("unused: %v, %v", unused, err)
	}
	must(t, s.Close())
}

func TestAnIdleSessionGivesItsMemoryBackAndGoesOnWhereItWas(t *testing.T) {
	for play, want := range map[Play]string{PlayLast: "a 0,a 1,a 2,a 2,a 2", PlayLoop: "a 0,a 1,a 2,a 0,a 1"} {
		dir := t.TempDir()
		record(t, dir, "a", 3)
		s, told := replaying(t, dir, play)
		s.Idle = time.Hour
		var got []string
		for range 5 {
			_, body := ask(t, s, "a", "n=0")
			got = append(got, body)
			s.putAway(s.open["a"])
			if s.open["a"].tape != nil {
				t.Fatal("it is still open")
			}
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: got %s, want %s", play, strings.Join(got, ","), want)
		}
		if len(told.notices) > 0 {
			t.Errorf("it says %v", told.notices)
		}
		if unused, err := s.Unused(); err != nil || len(unused) != 0 {
			t.Errorf("unused: %v, %v", unused, err)
		}
		s.putAway(s.open["a"])
		record(t, t.TempDir(), "b", 1)
		must(t, os.Remove(filepath.Join(dir, "a.yaml")))
		record(t, dir, "a", 4)
		if _, body := ask(t, s, "a", "n=0"); body != "a 0" || len(told.notices) != 1 || !strings.Contains(told.notices[0], "begins anew") {
			t.Errorf("after a change: %s, %v", body, told.notices)
		}
		must(t, s.Close())
	}
}

func TestTheMemoryOfIdleSessionsIsFree(t *testing.T) {
	const sessions = 20
	dir := t.TempDir()
	for i := range sessions {
		c := numbered(0)
		c.Request = *request("POST", "https://verify.twilio.com/v2/x", formMedia, "n=0")
		c.Response.Body = strings.Repeat("x", 1<<20)
		w, err := Create(filepath.Join(dir, fmt.Sprintf("s%d.yaml", i)))
		must(t, err)
		if _, err := w.Append(c, func(string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := replaying(t, dir, PlayLast)
	s.Idle = time.Hour
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range sessions {
		ask(t, s, fmt.Sprintf("s%d", i), "n=0")
	}
	loaded := heap() - before
	for _, e := range s.open {
		s.putAway(e)
	}
	if left := heap() - before; loaded < sessions<<20 || left > loaded/10 {
		t.Errorf("of %d KiB, %d are still held", loaded>>10, left>>10)
	}
	must(t, s.Close())
}

func TestASessionIsPutAwayByTheClockAndNotWhileItAnswers(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, "a", 1)
	s, _ := replaying(t, dir, PlayLast)
	s.Idle = 10 * time.Millisecond
	ask(t, s, "a", "n=0")
	e := s.open["a"]
	isOpen := func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.tape != nil
	}
	for deadline := time.Now().Add(5 * time.Second); isOpen(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it stays open")
		}
	}
	s.enter("a")
	if _, err := s.opened(e); err != nil {
		t.Fatal(err)
	}
	s.putAway(e)
	if !isOpen() {
		t.Error("it was put away while it answers")
	}
	s.leave(e)
	must(t, s.Close())
}

func TestWhatBelongsToNoSessionIsAMissThatSaysWhatHelps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"auth/login", "auth/logout", "signup", "resend", "cancel", "approve", "zzz"} {
		record(t, dir, name, 1)
	}
	writeFile(t, filepath.Join(dir, "broken.yaml"), "version: 2\ninteractions:\n- id: 0\n  request: {method: [s3cr3t]}\n")
	s, told := replaying(t, dir, PlayOnce)
	for _, c := range []struct {
		name   string
		reason Reason
		want   []string
	}{
		{"", NoSession, []string{"nothing answers POST /v2/x (no-session): the request names no session; send the header X-Vcr-Cassette: NAME, or begin the base URL's path with /_vcr/NAME, or give --cassette FILE"}},
		{"auth/lgoin", NoSuchSession, []string{"there is no cassette " + dir + "/auth/lgoin.yaml; the closest sessions are auth/login, auth/logout, ", "; name one of them, or record it with \"twilio-vcr auto --cassette-dir " + dir + "\""}},
		{"../login", BadSession, []string{"the name of its session can't be used: a part of it begins or ends with a dot; write it like login or auth/login"}},
		{"tests/+4917512345678", BadSession, []string{"a phone number"}},
		{"AC0123456789abcdef0123456789abcdef", BadSession, []string{"it has a credential, a SID"}},
		{"run/fedcba9876543210fedcba9876543210", BadSession, []string{"it has a credential, a SID"}},
		{"broken", UnusableCassette, []string{"the session broken can't be used; " + dir + "/broken.yaml:4: interaction 0: "}},
	} {
		status, message := ask(t, s, c.name, "n=0")
		if e := told.last(); status != 501 || e.Outcome != Missed || e.Miss == nil || e.Miss.Reason != c.reason || "twilio-vcr: "+e.Miss.String() != message || e.Miss.Nearest != -1 {
			t.Errorf("%q: %d %+v %s", c.name, status, e, message)
		}
		for _, want := range c.want {
			if !strings.Contains(message, want) {
				t.Errorf("%q: got %s, want %s", c.name, message, want)
			}
		}
		for _, secret := range []string{"s3cr3t", "4917512345678", "AC0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "../login"} {
			if strings.Contains(message, secret) || strings.Contains(fmt.Sprint(told.exchanges), secret) {
				t.Errorf("%q: %s is repeated", c.name, secret)
			}
		}
		if status, body := ask(t, s, "signup", "n=0"); (status != 200 || body != "signup 0") && !strings.Contains(body, "used-up") {
			t.Errorf("the healthy session is disturbed: %d %s", status, body)
		}
	}
	if _, message := ask(t, s, "lgin", "n=0"); strings.Count(message, ", ") != 5 {
		t.Errorf("not five names: %s", message)
	}
	if len(s.open) != 1 {
		t.Errorf("%d sessions are kept, where one could be opened", len(s.open))
	}
	s.Open = nil
	if _, message := ask(t, s, "zzz", "n=0"); !strings.Contains(message, "it names the session zzz, but there is no cassette folder; give --cassette-dir FOLDER, or name no session") {
		t.Errorf("got %s", message)
	}
}

// recording returns sessions that replay what is in dir and record the rest from upstream.
func recordingSessions(t *testing.T, dir string, upstream http.RoundTripper) (*Sessions, *heard) {
	t.Helper()
	s, told := replaying(t, dir, PlayLast)
	s.Live = true
	s.Open = func(name string) (*Tape, error) {
		file, err := s.Folder.File(name, true)
		if err != nil {
			return nil, err
		}
		w, c, err := Append(file)
		if err != nil {
			return nil, err
		}
		session := NewSession(c, s.Policy, Match{}, PlayLast)
		r := &Recorder{Upstream: upstream, Writer: w, Policy: s.Policy, Report: s.Report, Added: session.Add}
		return &Tape{RoundTripper: &Player{Session: session, Policy: s.Policy, Report: s.Report, Miss: r}, Session: session, Writer: w, Notices: c.Notices}, nil
	}
	return s, told
}

// upstreamFunc is an upstream without a network.
type upstreamFunc func(*http.Request) string

func (f upstreamFunc) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(f(req))), Request: req}, nil
}

func TestTwoHundredSessionsAtOnceRecordEachToItsOwnCassette(t *testing.T) {
	dir := t.TempDir()
	s, told := recordingSessions(t, dir, upstreamFunc(func(req *http.Request) string {
		body, _ := io.ReadAll(req.Body)
		return SessionName(req.Context()) + " " + string(body)
	}))
	s.Idle = time.Millisecond
	var all sync.WaitGroup
	for i := range 200 {
		name := fmt.Sprintf("folder-%d/s%d", i%7, i)
		all.Go(func() {
			for _, n := range []int{1, 2, 1, 2, 3} {
				if status, body := ask(t, s, name, fmt.Sprintf("n=%d", n)); status != 200 || body != fmt.Sprintf("%s n=%d", name, n) {
					t.Errorf("%s got %d %s", name, status, body)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	all.Wait()
	must(t, s.Close())
	recorded := 0
	for _, e := range told.exchanges {
		if e.Outcome == Recorded {
			recorded++
		}
	}
	if recorded != 600 {
		t.Errorf("%d were recorded, want 600", recorded)
	}
	for i := range 200 {
		c, err := Load(filepath.Join(dir, fmt.Sprintf("folder-%d/s%d.yaml", i%7, i)))
		if err != nil || len(c.Interactions) != 3 || len(c.Notices) > 0 {
			t.Fatalf("session %d: %v, %v", i, c, err)
		}
		for _, it := range c.Interactions {
			if !strings.HasPrefix(it.Response.Body, fmt.Sprintf("folder-%d/s%d n=", i%7, i)) {
				t.Errorf("session %d has %s", i, it.Response.Body)
			}
		}
	}
}

func TestARecordingSessionThatCanNotBeOpenedIsRefusedBeforeUpstreamIsCalled(t *testing.T) {
	dir := t.TempDir()
	calls := 0
	s, told := recordingSessions(t, dir, upstreamFunc(func(*http.Request) string { calls++; return "" }))
	held, err := Create(filepath.Join(dir, "held.yaml"))
	must(t, err)
	defer held.Close()
	for name, want := range map[string]string{
		"held":  "the call was not sent (unusable-cassette): the session held can't be used; another process or session is recording to " + dir + "/held.yaml: stop it, or record to another file",
		"":      "the call was not sent (no-session): the request names no session; ",
		"../up": "the call was not sent (bad-session): ",
	} {
		status, message := ask(t, s, name, "n=1")
		if e := told.last(); status == 200 || e.Outcome != Refused || !strings.HasPrefix(message, "twilio-vcr: "+want) {
			t.Errorf("%q: %d %s %v", name, status, message, e)
		}
	}
	if calls > 0 {
		t.Error("upstream was called")
	}
	must(t, s.Close())
}

func TestASessionThatCanNotBeClosedInOrderSaysSoAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	s, _ := recordingSessions(t, dir, upstreamFunc(func(*http.Request) string { return "x" }))
	ask(t, s, "a", "n=1")
	e := s.open["a"]
	must(t, e.tape.Writer.f.Close()) // so that no end mark can be written
	s.putAway(e)
	if err := s.Close(); err == nil || !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), filepath.Join(dir, "a.yaml")) {
		t.Errorf("got %v", err)
	}
}
