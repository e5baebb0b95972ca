package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// tapeOf records forms, and returns the cassette.
func tapeOf(t *testing.T, forms ...string) string {
	t.Helper()
	upstream, _ := echoServer(t)
	tape := filepath.Join(t.TempDir(), "tape.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL)
	for _, form := range forms {
		mustCall(t, p.url, form)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.stderr)
	}
	return tape
}

// report is what a test reads of a report in JSON.
type report struct {
	Mode     string
	Upstream int
	Outcomes map[string]int
	Misses   []struct {
		cassettes.Miss
		Session, Text string
		Count         int
	}
	Unused []cassettes.Unused
}

func TestAStrictRunSaysWhatWasMissedAndWhatWasNotUsed(t *testing.T) {
	tape := tapeOf(t, "n=1", "n=2", "n=3")
	for name, c := range map[string]struct {
		forms []string
		code  int
		says  []string
	}{
		"all used":   {[]string{"n=1", "n=2", "n=3", "n=3"}, 0, nil},
		"unused":     {[]string{"n=1", "n=3"}, 5, []string{"UNUSED", "tape.yaml  1            POST /v2/Services/", "\ntwilio-vcr: strict: interactions that were not used: 1; use them, or take them off the tape\n"}},
		"missed":     {[]string{"n=1", "n=2", "n=3", "n=4", "n=4"}, 4, []string{"MISSES  REASON         WHY\n2       fields-differ  nothing in ", "\ntwilio-vcr: strict: requests that nothing on the tape answers: 2; interactions that were not used: 0\n"}},
		"both":       {[]string{"n=4"}, 4, []string{"MISSES", "UNUSED", "requests that nothing on the tape answers: 1; interactions that were not used: 3\n"}},
		"never used": {nil, 5, []string{"not used: 3"}},
	} {
		file := filepath.Join(t.TempDir(), "report.json")
		p := start(t, "replay", "--cassette", tape, "--strict", "--report", file, "--log-level", "error")
		var messages []string
		for _, form := range c.forms {
			if status, body := mustCall(t, p.url, form); status == 501 {
				messages = append(messages, body)
			}
		}
		code := p.end(t, syscall.SIGTERM)
		said := p.stderr.String()
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, said)
		}
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, said)
			}
		}
		if c.code == 0 && said != "" {
			t.Errorf("%s: it says %s", name, said)
		}
		var r report
		if err := json.Unmarshal([]byte(readAll(t, file)), &r); err != nil {
			t.Fatal(err)
		}
		if r.Mode != "replay" || r.Upstream != 0 || r.Outcomes["miss"] != len(messages) || r.Misses == nil || r.Unused == nil {
			t.Errorf("%s: the report is %+v", name, r)
		}
		for _, m := range r.Misses {
			if m.Count != len(messages) || m.Reason != cassettes.FieldsDiffer || m.Nearest != 0 || !strings.Contains(messages[0], strings.ReplaceAll(m.Text, `"`, `\"`)) || !strings.Contains(said, m.Text) {
				t.Errorf("%s: the miss %+v is told otherwise in the answer or the table:\n%s\n%s", name, m, messages[0], said)
			}
		}
	}
}

func TestTheBuiltInExampleNeedNotBeUsedUp(t *testing.T) {
	p := start(t, "replay", "--strict")
	mustCall(t, p.url, "Status=approved")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
}

func TestTheReportOfARunIsJUnitWhereItsNameSaysSo(t *testing.T) {
	tape := tapeOf(t, "n=1", "n=<2>")
	type testCase struct {
		Name    string `xml:"name,attr"`
		Class   string `xml:"classname,attr"`
		Failure *struct {
			Message string `xml:"message,attr"`
			Type    string `xml:"type,attr"`
			Text    string `xml:",chardata"`
		} `xml:"failure"`
		Skipped *struct{} `xml:"skipped"`
	}
	for _, strict := range []bool{true, false} {
		file := filepath.Join(t.TempDir(), "report.xml")
		p := start(t, "replay", "--cassette", tape, fmt.Sprintf("--strict=%t", strict), "--report", file)
		mustCall(t, p.url, "n=1")
		mustCall(t, p.url, "n=<3>\x01")
		p.end(t, syscall.SIGTERM)
		var suites struct {
			Suites []struct {
				Tests    int        `xml:"tests,attr"`
				Failures int        `xml:"failures,attr"`
				Skipped  int        `xml:"skipped,attr"`
				Cases    []testCase `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal([]byte(readAll(t, file)), &suites); err != nil {
			t.Fatal(err)
		}
		s := suites.Suites[0]
		if s.Tests != 2 || len(s.Cases) != 2 || s.Failures+s.Skipped != 2 || (s.Failures == 2) != strict {
			t.Errorf("got %+v", s)
		}
		miss, unused := s.Cases[0], s.Cases[1]
		if miss.Class != tape || miss.Failure == nil || miss.Failure.Type != "fields-differ" || !strings.Contains(miss.Failure.Text, `form n: recorded "1", got "<3>\x01"`) {
			t.Errorf("the miss is %+v", miss)
		}
		if !strings.HasPrefix(unused.Name, "interaction 1 is used: POST /v2/") || (unused.Failure != nil) != strict || (unused.Skipped != nil) == strict {
			t.Errorf("the unused one is %+v", unused)
		}
	}
	if info, err := os.Stat(filepath.Dir(tape)); err != nil || !info.IsDir() {
		t.Fatal(err)
	}
}

func TestAReportThatCanNotBeWrittenIsSaidAndFailsTheRun(t *testing.T) {
	for _, strict := range []string{"--strict=false", "--strict"} {
		p := start(t, "replay", strict, "--report", filepath.Join(t.TempDir(), "nowhere", "r.json"))
		if code := p.end(t, syscall.SIGTERM); code != 1 || !strings.Contains(p.stderr.String(), "no such file or directory; name another place with --report") {
			t.Errorf("exit code %d: %s", code, &p.stderr)
		}
	}
}

func TestASuiteThatNamesItsSessions(t *testing.T) {
	upstream, calls := echoServer(t)
	dir := filepath.Join(t.TempDir(), "tapes")
	named := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Vcr-Cassette", name) }
	}
	for _, mode := range []string{"record", "replay"} {
		p := start(t, mode, "--cassette-dir", dir, "--upstream", upstream.URL)
		for i, c := range []struct {
			base string
			edit func(*http.Request)
		}{
			{p.url, named("auth/login")}, {p.url, named("auth/login")}, {p.url + "/_vcr/auth/login", nil}, {p.url + "/_vcr/auth%2Flogin", nil},
			{p.url + "/_vcr/signup", nil}, {p.url + "/_vcr/signup", named("signup")},
		} {
			if status, body, err := call(c.base, fmt.Sprintf("n=%d", i), c.edit); err != nil || status != 200 || body != fmt.Sprintf(`{"echo": "n=%d"}`, i) {
				t.Errorf("%s, call %d: %d %s, %v", mode, i, status, body, err)
			}
		}
		for want, c := range map[string]struct {
			base string
			edit func(*http.Request)
		}{
			"the request names no session; send the header X-Vcr-Cassette: NAME":                                {p.url, nil},
			"the request names two sessions; name one, by X-Vcr-Cassette, the path or the proxy's user name":    {p.url + "/_vcr/signup", named("auth/login")},
			"the path names no session after /_vcr/":                                                            {p.url + "/_vcr/", nil},
			"(bad-session): the name of its session can't be used: a part of it begins or ends with a dot":      {p.url + "/_vcr/..%2Fsignup", nil},
			"(bad-session): the name of its session can't be used: it begins with \\\"/\\\"; a name is that of": {p.url, named("/etc/passwd")},
		} {
			if status, body, err := call(c.base, "n=0", c.edit); err != nil || status == 200 || !strings.Contains(body, want) {
				t.Errorf("%s: got %d %s, %v, want %s", mode, status, body, err, want)
			}
		}
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("%s: exit code %d: %s", mode, code, &p.stderr)
		}
	}
	if calls.Load() != 6 {
		t.Errorf("upstream was called %d times", calls.Load())
	}
	for tape, want := range map[string]int{"auth/login.yaml": 4, "signup.yaml": 2} {
		recorded := onTape(t, filepath.Join(dir, tape))
		if len(recorded) != want {
			t.Errorf("%s has %v", tape, recorded)
		}
		if text := readAll(t, filepath.Join(dir, tape)); strings.Contains(text, "_vcr") || strings.Contains(text, "X-Vcr") {
			t.Errorf("%s tells of sessions", tape)
		}
	}
	p := start(t, "record", "--cassette-dir", dir, "--upstream", upstream.URL)
	if status, body, err := call(p.url, "n=9", named("signup")); err != nil || status != 503 || !strings.Contains(body, "signup.yaml exists: add to it with --append, or replace it with --overwrite") {
		t.Errorf("recording over a tape: %d %s, %v", status, body, err)
	}
	p.end(t, syscall.SIGTERM)
}

func TestAStrictRunCountsTheSessionsThatWereUsed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "unasked"} {
		if err := os.Rename(tapeOf(t, "n=1", "n=2"), filepath.Join(dir, name+".yaml")); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "report.json")
	p := start(t, "replay", "--cassette-dir", dir, "--strict", "--report", file)
	for _, path := range []string{"/_vcr/a", "/_vcr/b", "/_vcr/c"} {
		mustCall(t, p.url+path, "n=1")
	}
	mustCall(t, p.url+"/_vcr/a", "n=2")
	if code := p.end(t, syscall.SIGTERM); code != 4 {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
	var r report
	if err := json.Unmarshal([]byte(readAll(t, file)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Unused) != 1 || r.Unused[0].Cassette != filepath.Join(dir, "b.yaml") || r.Unused[0].Interaction != 1 || len(r.Misses) != 1 || r.Misses[0].Session != "c" || r.Misses[0].Reason != cassettes.NoSuchSession {
		t.Errorf("the report is %+v", r)
	}
}

func TestOnlySomeCallsMayBeSentToUpstream(t *testing.T) {
	upstream, calls := echoServer(t)
	tape := filepath.Join(t.TempDir(), "c.yaml")
	p := start(t, "auto", "--cassette", tape, "--upstream", upstream.URL, "--max-live-calls", "2", "--allow", "GET /v2/**", "--allow", "POST /v2/Services/{ServiceSid}/Verifications/*")
	for _, form := range []string{"n=1", "n=2", "n=1"} {
		if status, body := mustCall(t, p.url, form); status != 200 {
			t.Errorf("%s: %d %s", form, status, body)
		}
	}
	if status, body := mustCall(t, p.url, "n=3"); status != 403 || !strings.Contains(body, "the call was not sent: 2 calls have been, and --max-live-calls allows no more") || !strings.Contains(body, `"status":403`) {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := mustCall(t, p.url+"/other", "n=1"); status != 403 || !strings.Contains(body, "the call was not sent: --allow does not name it, it names GET /v2/**, POST /v2/Services/{ServiceSid}/Verifications/*; add it there, or put the call on the cassette") {
		t.Errorf("got %d %s", status, body)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 || !strings.Contains(p.stderr.String(), `{"recorded": 2, "replayed": 1, "missed": 0, "upstream": 2, "refused": 2}`) {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
	if calls.Load() != 2 {
		t.Errorf("upstream was called %d times", calls.Load())
	}
}

func TestAnswersWithSomeStatusesAreLeftOffTheTape(t *testing.T) {
	status := []int{429, 200, 503, 404}
	var n atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status[n.Add(1)-1])
	}))
	defer upstream.Close()
	tape := filepath.Join(t.TempDir(), "c.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL, "--skip-status", "429,5xx", "--mark")
	for i, want := range status {
		req, err := http.NewRequest("POST", fmt.Sprintf("%s/v2/%d", p.url, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
		if outcome := resp.Header.Get("X-Vcr-Outcome"); (outcome == "skipped") != (want == 429 || want == 503) {
			t.Errorf("%d is marked %s", want, outcome)
		}
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 || !strings.Contains(p.stderr.String(), `{"recorded": 2, "replayed": 0, "missed": 0, "upstream": 4, "skipped": 2}`) {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
	if c, err := cassettes.Load(tape); err != nil || len(c.Interactions) != 2 || strings.Contains(readAll(t, tape), "X-Vcr") {
		t.Errorf("the tape is %v, %v", c, err)
	}
}

func TestAnswersAreMarkedOnlyWhenAsked(t *testing.T) {
	upstream, _ := echoServer(t)
	tape := tapeOf(t, "n=0", "n=1")
	for _, mark := range []bool{false, true} {
		p := start(t, "auto", "--cassette", tape, "--upstream", upstream.URL, fmt.Sprintf("--mark=%t", mark), "--fault", "nth=5,status=503")
		for i, want := range [][2]string{{"n=1", "replayed 1"}, {"n=1", "repeated 1"}, {"n=0", "replayed 0"}, {fmt.Sprintf("n=%t", mark), fmt.Sprintf("recorded %d", map[bool]int{false: 2, true: 3}[mark])}, {"n=0", "fault "}} {
			req, err := http.NewRequest("POST", p.url+"/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", strings.NewReader(want[0]))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			got := resp.Header.Get("X-Vcr-Outcome") + " " + resp.Header.Get("X-Vcr-Interaction")
			if i == 4 { // a fault always says that it is one
				if got != "fault " {
					t.Errorf("the fault is marked %q", got)
				}
			} else if mark && got != want[1] || !mark && (got != " " || len(resp.Header) != 3) {
				t.Errorf("mark %t: %s is marked %q, and has %v", mark, want[0], got, resp.Header)
			}
		}
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d: %s", code, &p.stderr)
		}
	}
}

// age makes the interactions with these numbers a year old. The marks' checksums do not cover the time.
func age(t *testing.T, tape string, numbers ...int) (year string) {
	t.Helper()
	now := time.Now().UTC().Year()
	lines := strings.Split(readAll(t, tape), "\n")
	n := 0
	for i, line := range lines {
		if strings.Contains(line, "recorded 20") {
			if slices.Contains(numbers, n) {
				lines[i] = strings.Replace(line, fmt.Sprintf("recorded %d", now), fmt.Sprintf("recorded %d", now-1), 1)
			}
			n++
		}
	}
	if err := os.WriteFile(tape, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(now - 1)
}

// formsOn returns the forms on a tape, each with the year in which it was recorded.
func formsOn(t *testing.T, tape string) string {
	t.Helper()
	c, err := cassettes.Load(tape)
	if err != nil || len(c.Notices) > 0 {
		t.Fatal(err, c.Notices)
	}
	years := regexp.MustCompile(`recorded (20\d\d)`).FindAllStringSubmatch(readAll(t, tape), -1)
	var forms []string
	for i, it := range c.Interactions {
		forms = append(forms, it.Request.Body+" "+years[i][1])
	}
	return strings.Join(forms, ", ")
}

func TestOldInteractionsAreWarnedOfOrRecordedAfresh(t *testing.T) {
	upstream, calls := echoServer(t)
	tape := tapeOf(t, "n=1", "n=2", "n=3", "n=1")
	year := age(t, tape, 0, 1, 3)
	now := fmt.Sprint(time.Now().UTC().Year())

	p := start(t, "replay", "--cassette", tape, "--max-age", "720h")
	mustCall(t, p.url, "n=1")
	p.end(t, syscall.SIGTERM)
	if want := tape + ": 3 of 4 interactions were recorded before "; !strings.Contains(p.stderr.String(), want) || !strings.Contains(p.stderr.String(), "interaction 0, on "+year+"-") {
		t.Errorf("it does not say %s: %s", want, &p.stderr)
	}

	p = start(t, "auto", "--cassette", tape, "--upstream", upstream.URL, "--max-age", "720h", "--strict")
	for _, form := range []string{"n=1", "n=3", "n=1"} {
		mustCall(t, p.url, form)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 || calls.Load() != 1 || !strings.Contains(p.stderr.String(), "2 outdated interactions were recorded afresh") {
		t.Errorf("exit code %d, %d calls: %s", code, calls.Load(), &p.stderr)
	}
	if got, want := formsOn(t, tape), fmt.Sprintf("n=2 %s, n=3 %s, n=1 %s", year, now, now); got != want {
		t.Errorf("on the tape are %s, want %s", got, want)
	}

	p = start(t, "record", "--append", "--cassette", tape, "--upstream", upstream.URL, "--max-age", "720h")
	for _, form := range []string{"n=2", "n=3", "n=2"} {
		mustCall(t, p.url, form)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 || !strings.Contains(p.stderr.String(), "1 outdated interactions were recorded afresh") {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
	if got, want := formsOn(t, tape), strings.ReplaceAll("n=3 Y, n=1 Y, n=2 Y, n=3 Y, n=2 Y", "Y", now); got != want {
		t.Errorf("on the tape are %s, want %s", got, want)
	}
}

func TestACassetteThatDoesNotTellItsAgeIsTakenForRecent(t *testing.T) {
	upstream, calls := echoServer(t)
	tape := filepath.Join(t.TempDir(), "stock.yaml")
	stock := cassette.New(strings.TrimSuffix(tape, ".yaml"))
	stock.AddInteraction(&cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "https://verify.twilio.com/v2"}, Response: cassette.Response{Code: 200, Body: "old"}})
	if err := stock.Save(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"replay", "auto"} {
		p := start(t, mode, "--cassette", tape, "--max-age", "1h", "--upstream", upstream.URL)
		req, err := http.NewRequest("POST", p.url+"/v2", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, err := send(req); err != nil || body != "old" {
			t.Errorf("%s answers %s, %v", mode, body, err)
		}
		p.end(t, syscall.SIGTERM)
		if !strings.Contains(p.stderr.String(), tape+": it does not say when 1 of 1 interactions were recorded, so they are taken for recent") {
			t.Errorf("%s: it says %s", mode, &p.stderr)
		}
	}
	if calls.Load() > 0 {
		t.Error("upstream was called")
	}
}

func TestWhatIsTheSameCanBeSetForSomeCassettes(t *testing.T) {
	dir := t.TempDir()
	one := tapeOf(t, "n=1&Locale=a")
	for _, name := range []string{"lax", "exact"} {
		text := readAll(t, one)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := filepath.Join(dir, "settings.yaml")
	if err := os.WriteFile(settings, []byte("cassettes:\n  lax: {match: {ignore: [Locale]}}\n  \""+one+"\": {match: {body: off}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "replay", "--cassette", one, "--cassette-dir", dir, "--config", settings)
	for _, c := range []struct {
		session, form string
		status        int
	}{
		{"/_vcr/lax", "n=1&Locale=b", 200}, {"/_vcr/lax", "n=2&Locale=a", 501}, {"/_vcr/exact", "n=1&Locale=b", 501}, {"/_vcr/exact", "Locale=a&n=1", 200}, {"", "n=3", 200},
	} {
		if status, body := mustCall(t, p.url+c.session, c.form); status != c.status {
			t.Errorf("%s: %s is answered with %d %s", c.session, c.form, status, body)
		}
	}
	p.end(t, syscall.SIGTERM)
}

func TestTheREADMEShowsAMissAndListsTheReasons(t *testing.T) {
	readme := readAll(t, "README.md")
	p := start(t, "replay")
	_, body := mustCall(t, p.url, "Status=pending")
	var miss struct{ Message string }
	if err := json.Unmarshal([]byte(body), &miss); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readme, "\n    "+miss.Message+"\n") {
		t.Errorf("the README does not show %s", miss.Message)
	}
	for _, reason := range cassettes.Reasons {
		if !strings.Contains(readme, fmt.Sprintf("\n| `%s` | ", reason)) {
			t.Errorf("the README does not list %s", reason)
		}
	}
	p.end(t, syscall.SIGTERM)
}
