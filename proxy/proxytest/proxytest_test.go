package proxytest_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/proxy/proxytest"
)

// tape is a test whose end is awaited, with what it said.
type tape struct {
	testing.TB
	mu       sync.Mutex
	cleanups []func()
	errors   []string
	log      strings.Builder
}

func (t *tape) Helper()          {}
func (t *tape) Name() string     { return "TestOfSomebody" }
func (t *tape) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }
func (t *tape) Failed() bool     { return len(t.errors) > 0 }
func (t *tape) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.log, format+"\n", args...)
}
func (t *tape) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}
func (t *tape) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(t) // as FailNow ends a test
}

// test runs a test of somebody's, and returns what it failed with.
func test(t *testing.T, body func(testing.TB)) *tape {
	t.Helper()
	inner := &tape{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(inner) {
				panic(r)
			}
		}()
		body(inner)
	}()
	for len(inner.cleanups) > 0 {
		last := inner.cleanups[len(inner.cleanups)-1]
		inner.cleanups = inner.cleanups[:len(inner.cleanups)-1]
		last()
	}
	return inner
}

const update = "https://verify.twilio.com/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// call makes an update and returns the status and the body.
func call(t testing.TB, c *http.Client, target, form string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("POST", target, strings.NewReader(form))
	if err != nil {
		t.Fatalf("%v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("AC0123456789abcdef0123456789abcdef", "c4n4ry0f7h3auth70k3n9876543210ab")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return resp.StatusCode, string(body)
}

func setFlag(t *testing.T, value string) {
	t.Helper()
	if err := flag.Set("twilio-vcr.record", value); err != nil {
		t.Fatal(err)
	}
}

// recorded makes a cassette of two calls, as a test that is told to record does.
func recorded(t *testing.T) string {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Host, form)
	}))
	defer upstream.Close()
	t.Setenv("TWILIO_VCR_UPSTREAM", upstream.URL)
	file := filepath.Join(t.TempDir(), "testdata", "c.yaml")
	for _, way := range []string{"environment", "flag"} { // the second time it is replaced
		if way == "flag" {
			setFlag(t, "true")
			t.Setenv("TWILIO_VCR_MODE", "replay") // the flag wins
			defer setFlag(t, "false")
		} else {
			t.Setenv("TWILIO_VCR_MODE", "record")
		}
		inner := test(t, func(t testing.TB) {
			p := proxytest.Start(t, file)
			for _, form := range []string{"n=1", "n=2"} {
				if status, body := call(t, p.Client, update, form); status != 200 || body != "verify.twilio.com "+form {
					t.Errorf("got %d %s", status, body)
				}
			}
		})
		if inner.Failed() || !strings.Contains(inner.log.String(), "\trecorded\t") {
			t.Fatal(inner.errors, &inner.log)
		}
	}
	t.Setenv("TWILIO_VCR_UPSTREAM", "")
	t.Setenv("TWILIO_VCR_MODE", "")
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "  - id:") != 2 || strings.Contains(string(text), "c4n4ry") {
		t.Fatalf("the cassette is %s, %v", text, err)
	}
	return file
}

func TestATestReplaysWhatItHasRecorded(t *testing.T) {
	file := recorded(t)
	for _, options := range []proxytest.Options{{}, {Strict: true}} {
		inner := test(t, func(t testing.TB) {
			p := options.Start(t, file)
			if status, body := call(t, p.Client, update, "n=2"); status != 200 || body != "verify.twilio.com n=2" {
				t.Errorf("got %d %s", status, body)
			}
			if status, body := call(t, http.DefaultClient, strings.Replace(update, "https://verify.twilio.com", p.URL, 1), "n=1"); status != 200 || body != "verify.twilio.com n=1" {
				t.Errorf("got %d %s", status, body)
			}
			if _, err := p.Client.Get("https://api.twilio.com/"); err == nil || !strings.Contains(err.Error(), "this client is for calls to verify.twilio.com, and not to api.twilio.com") {
				t.Errorf("got %v", err)
			}
		})
		if inner.Failed() {
			t.Error(inner.errors)
		}
		if !strings.Contains(inner.log.String(), "replayed") || strings.Contains(inner.log.String(), "c4n4ry") {
			t.Errorf("its log is %s", &inner.log)
		}
	}
}

func TestAMissFailsTheTestAndSaysWhy(t *testing.T) {
	file := recorded(t)
	inner := test(t, func(t testing.TB) {
		p := proxytest.Start(t, file)
		call(t, p.Client, update, "n=3")
		call(t, p.Client, update, "n=3")
	})
	if len(inner.errors) != 1 || !strings.HasPrefix(inner.errors[0], "twilio-vcr: missed 2 times: nothing in "+file+" answers POST /v2/") || !strings.Contains(inner.errors[0], `form n: recorded "1", got "3"`) {
		t.Errorf("it failed with %q", inner.errors)
	}
}

func TestUnusedInteractionsFailATestThatIsStrict(t *testing.T) {
	file := recorded(t)
	for _, strict := range []bool{false, true} {
		inner := test(t, func(t testing.TB) {
			call(t, proxytest.Options{Strict: strict}.Start(t, file).Client, update, "n=2")
		})
		if inner.Failed() != strict || strict && !strings.Contains(inner.errors[0], "interaction 0 was not used: POST /v2/") {
			t.Errorf("strict %t: it failed with %q", strict, inner.errors)
		}
	}
}

func TestParallelTestsMayShareACassette(t *testing.T) {
	file := recorded(t)
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("play: once\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			inner := test(t, func(t testing.TB) {
				p := proxytest.Options{Strict: true, Settings: settings}.Start(t, file)
				for _, form := range []string{"n=1", "n=2"} {
					call(t, p.Client, update, form)
				}
			})
			if inner.Failed() {
				t.Error(inner.errors)
			}
		})
	}
	all.Wait()
}

func TestWhatCanNotStartFailsTheTestAtOnce(t *testing.T) {
	dir := t.TempDir()
	for want, c := range map[string]struct {
		mode    string
		options proxytest.Options
	}{
		"there is no cassette " + dir + "/none.yaml: record one with":                     {"", proxytest.Options{}},
		`TWILIO_VCR_MODE is "rekord"; the modes are replay, record, auto and passthrough`: {"rekord", proxytest.Options{}},
		"there is no configuration file " + dir + "/no-settings.yaml: check --config":     {"", proxytest.Options{Settings: dir + "/no-settings.yaml"}},
	} {
		t.Setenv("TWILIO_VCR_MODE", c.mode)
		inner := test(t, func(t testing.TB) {
			c.options.Start(t, dir+"/none.yaml")
			t.Errorf("it went on")
		})
		if len(inner.errors) != 1 || !strings.HasPrefix(inner.errors[0], "twilio-vcr: "+want) {
			t.Errorf("it failed with %q, want %s", inner.errors, want)
		}
	}
}
