package cassettes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

const (
	checkAccount = "AC5ef872f6da5a21de157d80997a64bd33"
	checkService = "VA5ef872f6da5a21de157d80997a64bd34"
)

// movingServer is a stand-in of Twilio that makes verifications, each with SIDs of its own.
type movingServer struct {
	*httptest.Server
	mu       sync.Mutex
	made     int
	statuses map[string]string // of the verifications, by their SIDs
	calls    []string          // the method, path and form of each
	more     string            // a member that answers have too
}

func newMovingServer(t *testing.T) *movingServer {
	s := &movingServer{statuses: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *movingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.calls = append(s.calls, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	form, _ := url.ParseQuery(string(body))
	sid := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Twilio-Request-Id", fmt.Sprintf("RQ%032x", time.Now().UnixNano()))
	code := http.StatusOK
	switch {
	case r.Method == "POST" && sid == "Verifications":
		s.made++
		sid, code = fmt.Sprintf("VE%022x%010x", time.Now().UnixNano(), s.made), http.StatusCreated
		s.statuses[sid] = "pending"
	case s.statuses[sid] == "":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"code": 20404, "message": "The requested resource %s was not found", "more_info": "https://www.twilio.com/docs/errors/20404", "status": 404}`, r.URL.Path)
		return
	case form.Get("Status") != "":
		s.statuses[sid] = form.Get("Status")
	}
	w.Header().Set("Location", "https://verify.twilio.com/v2/Services/"+checkService+"/Verifications/"+sid)
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"sid": "%s", "service_sid": "%s", "account_sid": "%s", "to": "+4917512345678", "status": "%s", "valid": false, "payee": null, "date_created": "%s", "send_code_attempts": [{"attempt_sid": "VL%s", "time": "%[5]s"}], "url": "https://verify.twilio.com/v2/Services/%[2]s/Verifications/%[1]s"%[7]s}`,
		sid, checkService, checkAccount, s.statuses[sid], time.Now().UTC().Format(time.RFC3339Nano), sid[2:], s.more)
}

// taped records a verification that is created, fetched, approved and fetched again, and forgets it.
func taped(t *testing.T, s *movingServer, policy *redact.Policy) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "flow.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	recorder := &Recorder{Upstream: http.DefaultTransport, Writer: w, Policy: policy}
	ask := func(method, path, form string) string {
		req, err := http.NewRequest(method, s.URL+"/v2/Services/"+checkService+"/Verifications"+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", formMedia)
		req.SetBasicAuth("AC0123456789abcdef0123456789abcdef", "recorded-pa55word")
		resp, err := recorder.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	_, rest, _ := strings.Cut(ask("POST", "", "To=%2B4917512345678&Channel=sms"), `"sid": "`)
	sid := rest[:34]
	ask("GET", "/"+sid, "")
	ask("POST", "/"+sid, "Status=approved")
	ask("GET", "/"+sid, "")
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.calls, s.statuses = nil, map[string]string{}
	return file
}

func checker(t *testing.T, upstream string) *Checker {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	return &Checker{Upstream: u, Transport: http.DefaultTransport, Policy: &redact.Policy{}, User: checkAccount, Password: "pa55word-0f-t0day", Account: checkAccount, Changes: true}
}

// lines returns findings as they are printed, without the name of the file.
func lines(findings []Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, strings.Replace(f.String(), f.File+": ", "", 1))
	}
	return all
}

func TestACheckFollowsSIDsThatMove(t *testing.T) {
	for name, all := range map[string]bool{"readable": false, "pseudonyms": true} {
		t.Run(name, func(t *testing.T) {
			s, policy := newMovingServer(t), &redact.Policy{}
			if all {
				policy.AllSIDs()
			}
			file := taped(t, s, policy)
			c := checker(t, s.URL)
			c.Policy = policy
			if all { // no answer has told the service's SID when the first request needs it
				checked, err := c.Check(t.Context(), file)
				want := "note: interaction 0: request: not sent: its path holds the pseudonym VA00000000000000000000"
				if err != nil || checked.Unsent != 4 || !strings.HasPrefix(lines(checked.Findings)[0], want) || len(s.calls) > 0 {
					t.Errorf("got %q, %v", lines(checked.Findings), err)
				}
				text := readFile(t, file) // as a tape is whose first call was made before the rule
				write(t, file, strings.Replace(text, "url: "+s.URL+"/v2/Services/"+redact.Pseudonym(checkService), "url: "+s.URL+"/v2/Services/"+checkService, 1))
			}
			checked, err := c.Check(t.Context(), file)
			if err != nil || len(checked.Findings) > 0 || checked.Compared != 4 || checked.Unsent != 0 {
				t.Errorf("found %q, %+v, %v", lines(checked.Findings), checked, err)
			}
			var made string
			for sid := range s.statuses {
				made = "/v2/Services/" + checkService + "/Verifications/" + sid
			}
			want := []string{"POST /v2/Services/" + checkService + "/Verifications To=%2B15005550006&Channel=sms", "GET " + made, "POST " + made + " Status=approved", "GET " + made}
			if !slices.Equal(s.calls, want) {
				t.Errorf("upstream got %q\nwant %q", s.calls, want)
			}
		})
	}
}

func TestWithoutLeaveNothingThatChangesStateIsSent(t *testing.T) {
	s := newMovingServer(t)
	file := taped(t, s, &redact.Policy{})
	c := checker(t, s.URL)
	c.Changes = false
	checked, err := c.Check(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	tape, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(tape.Interactions[1].Request.URL)
	want := []string{
		"note: interaction 0: request: not sent: POST /v2/Services/" + checkService + "/Verifications changes state; --yes sends it too",
		"note: interaction 1: response status: not compared: recorded 200, now 404: interaction 0, which made what it asks for, was not sent or has failed",
		"note: interaction 2: request: not sent: POST " + u.Path + " changes state; --yes sends it too",
		"note: interaction 3: response status: not compared: recorded 200, now 404: interaction 0, which made what it asks for, was not sent or has failed",
	}
	if got := lines(checked.Findings); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if want := []string{"GET " + u.Path, "GET " + u.Path}; !slices.Equal(s.calls, want) {
		t.Errorf("upstream got %q", s.calls)
	}
	if line, ok := checked.Verdict(false); !ok || line != "answers without drift: 0; not checked: 4" {
		t.Errorf("the verdict is %q, %v", line, ok)
	}
	before := readFile(t, file)
	c.Update = true
	if _, err := c.Check(t.Context(), file); err != nil || readFile(t, file) != before {
		t.Errorf("the file has changed, %v", err)
	}
	onlyFile(t, file)
}

func TestAnUpdateKeepsTheRequestsAndTheSIDsOfTheTape(t *testing.T) {
	s := newMovingServer(t)
	file := taped(t, s, &redact.Policy{})
	recorded, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s.more = `, "risk": {"score": 7, "sid": "VE0123456789abcdef0123456789abcdef"}`
	c := checker(t, s.URL)
	checked, err := c.Check(t.Context(), file)
	if err != nil || len(checked.Findings) != 4 || lines(checked.Findings)[1] != "interaction 1: response JSON $.risk: new: object" {
		t.Fatalf("found %q, %v", lines(checked.Findings), err)
	}
	if line, ok := checked.Verdict(false); ok || line != "findings: 4, in 4 answers; not checked: 0" {
		t.Errorf("the verdict is %q, %v", line, ok)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}

	c.Update = true
	checked, err = c.Check(t.Context(), file)
	if line, ok := checked.Verdict(true); err != nil || !ok || line != "new answers written: 4 of 4; not checked: 0" || len(checked.Findings) != 4 {
		t.Errorf("%q, %v, found %q, %v", line, ok, lines(checked.Findings), err)
	}
	onlyFile(t, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	updated, err := Load(file)
	if err != nil || len(updated.Notices) > 0 {
		t.Fatal(err, updated.Notices)
	}
	for i, it := range updated.Interactions {
		was := recorded.Interactions[i]
		if place := firstDifference(&cassette.Interaction{Request: was.Request}, &cassette.Interaction{Request: it.Request}); place != "" {
			t.Errorf("interaction %d: %s has changed", i, place)
		}
		if sidText.FindString(it.Response.Body) != sidText.FindString(was.Response.Body) || it.Response.Headers.Get("Location") != was.Response.Headers.Get("Location") ||
			!strings.Contains(it.Response.Body, `"score": 7, "sid": "VE0123456789abcdef0123456789abcdef"`) {
			t.Errorf("interaction %d: the answer is %+v, it was %+v", i, it.Response, was.Response)
		}
		if time.Since(updated.times[i]) > time.Minute {
			t.Errorf("interaction %d was recorded %v", i, updated.times[i])
		}
	}
	if stock, err := cassette.Load(strings.TrimSuffix(file, ".yaml")); err != nil || len(stock.Interactions) != 4 {
		t.Errorf("stock go-vcr: %v", err)
	}
	if findings := slices.DeleteFunc(Lint(file, c.Policy), func(f Finding) bool { return f.Note }); len(findings) > 0 {
		t.Errorf("lint finds %q", lines(findings))
	}
	for _, update := range []bool{false, true, false} { // a second time there is none
		c.Update = update
		if checked, err := c.Check(t.Context(), file); err != nil || len(checked.Findings) > 0 || checked.Compared != 4 {
			t.Errorf("found %q, %v", lines(checked.Findings), err)
		}
	}
}

func TestAnUpdateLeavesWhatWasNotSentAsItIs(t *testing.T) {
	s := newMovingServer(t)
	file := taped(t, s, &redact.Policy{})
	old := strings.NewReplacer("# recorded 2", "# recorded 1").Replace(readFile(t, file)) // a thousand years ago
	write(t, file, old)
	tape, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sid := sidText.FindAllString(tape.Interactions[1].Request.URL, -1)[1]
	s.statuses[sid] = "approved" // it is still there
	c := checker(t, s.URL)
	c.Changes, c.Update = false, true
	if _, err := c.Check(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	updated, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, kept := range []bool{true, false, true, false} {
		if updated.times[i].Year() < 2000 != kept || firstDifference(tape.Interactions[i], updated.Interactions[i]) == "" != kept {
			t.Errorf("interaction %d, of %v, is %+v", i, updated.times[i], updated.Interactions[i].Response)
		}
	}
}

// oneCall is a tape of one GET, whose answer is that.
func oneCall(t *testing.T, header http.Header, code int, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "one.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	it := &cassette.Interaction{
		Request:  cassette.Request{Method: "GET", URL: "https://verify.twilio.com/v2/Services/" + checkService + "?PageSize=2", Headers: http.Header{}},
		Response: cassette.Response{Code: code, Body: body, Headers: header},
	}
	if _, err := w.Append(it, nothingToCheck); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// answering is an upstream with one answer.
func answering(t *testing.T, header http.Header, code int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEachKindOfDriftHasItsLine(t *testing.T) {
	media := func(s string) http.Header { return http.Header{"Content-Type": {s}} }
	long := strings.Repeat("x", 80)
	for name, c := range map[string]struct {
		was, is [2]string // the body and the media type
		want    []string
	}{
		"nothing":           {[2]string{`{"a": 1}`}, [2]string{`{"a":1}`}, nil},
		"a new field":       {[2]string{`{}`}, [2]string{`{"a": {"b": 1}}`}, []string{"response JSON $.a: new: object"}},
		"a missing field":   {[2]string{`{"a": {"b": [1.5]}}`}, [2]string{`{"a": {}}`}, []string{"response JSON $.a.b: missing: recorded as array"}},
		"a field's type":    {[2]string{`{"a": [{"b": "1"}]}`}, [2]string{`{"a": [{"b": 1}]}`}, []string{"response JSON $.a[0].b: type changed from string to number"}},
		"a text":            {[2]string{`{"status": "approved"}`}, [2]string{`{"status": "canceled"}`}, []string{`response JSON $.status: recorded "approved", now "canceled"`}},
		"a long text":       {[2]string{`{"a": "b"}`}, [2]string{`{"a": "` + long + `"}`}, []string{`response JSON $.a: recorded "b", now "` + long[:60] + `…"`}},
		"a number":          {[2]string{`{"code": 60202}`}, [2]string{`{"code": 60203}`}, []string{"response JSON $.code: recorded 60202, now 60203"}},
		"a long number":     {[2]string{`{"a": 9007199254740992}`}, [2]string{`{"a": 9007199254740993}`}, []string{"response JSON $.a: recorded 9007199254740992, now 9007199254740993"}},
		"a boolean":         {[2]string{`{"valid": true}`}, [2]string{`{"valid": false}`}, []string{"response JSON $.valid: recorded true, now false"}},
		"a field that null": {[2]string{`{"a": null, "b": 5, "c": null}`}, [2]string{`{"a": {}, "b": null, "c": null}`}, []string{"note: response JSON $.a: recorded null, now an object", "note: response JSON $.b: recorded 5, now null"}},
		"a shorter list":    {[2]string{`[1, 2]`}, [2]string{`[3]`}, []string{"note: response JSON $: entries: recorded 2, now 1", "response JSON $[0]: recorded 1, now 3"}},
		"an empty list":     {[2]string{`{"a": [{"b": 1}]}`}, [2]string{`{"a": []}`}, []string{"note: response JSON $.a: entries: recorded 1, now 0"}},
		"another SID":       {[2]string{`{"a": "VE0123456789abcdef0123456789abcdef"}`}, [2]string{`{"a": "VL0123456789abcdef0123456789abcdef"}`}, []string{`response JSON $.a: recorded "VE0123456789abcdef0123456789abcdef", now "VL0123456789abcdef0123456789abcdef"`}},
		"a date's format":   {[2]string{`{"a": "2015-07-30T20:00:00Z"}`}, [2]string{`{"a": "Thu, 30 Jul 2015 20:00:00 +0000"}`}, []string{`response JSON $.a: recorded "2015-07-30T20:00:00Z", now "Thu, 30 Jul 2015 20:00:00 +0000"`}},
		"a URL's path":      {[2]string{`{"url": "https://verify.twilio.com/v2/Services"}`}, [2]string{`{"url": "https://verify.twilio.com/v3/Services"}`}, []string{`response JSON $.url: recorded "https://verify.twilio.com/v2/Services", now "https://verify.twilio.com/v3/Services"`}},
		"an odd name":       {[2]string{`{}`}, [2]string{`{"a.b\u001b[2J": 1}`}, []string{`response JSON $["a.b\x1b[2J"]: new: number`}},
		"a media type":      {[2]string{`{}`, "application/json"}, [2]string{`{}`, "text/json; charset=utf-8"}, []string{`response header Content-Type: recorded "application/json", now "text/json"`}},
		"no media type":     {[2]string{`{}`, "application/json"}, [2]string{`{}`}, []string{"response header Content-Type: missing"}},
		"no JSON":           {[2]string{`{}`}, [2]string{`<html>`}, []string{"response body: recorded JSON, now text that is no JSON"}},
		"no body":           {[2]string{`ok`}, [2]string{``}, []string{"response body: recorded text that is no JSON, now nothing"}},
		"a text body":       {[2]string{`all right`}, [2]string{`all wrong`}, []string{"response body: changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			header := func(answer [2]string) http.Header {
				if answer[1] == "" {
					return nil
				}
				return media(answer[1])
			}
			file := oneCall(t, header(c.was), 200, c.was[0])
			checked, err := checker(t, answering(t, header(c.is), 200, c.is[0])).Check(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			got := lines(checked.Findings)
			for i := range got {
				got[i] = strings.Replace(got[i], "interaction 0: ", "", 1)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestWhatIsAnotherInEveryAnswerIsNoDrift(t *testing.T) {
	for name, c := range map[string]struct{ was, is string }{
		"dates":          {`["2015-07-30T20:00:00Z", "2015-07-30"]`, `["2026-11-24T16:16:21.123+01:00", "2026-11-24"]`},
		"dates of mail":  {`["Thu, 30 Jul 2015 20:00:00 +0000"]`, `["Tue, 24 Nov 2026 16:16:21 GMT"]`},
		"SIDs":           {`["VE0123456789abcdef0123456789abcdef"]`, `["VEfedcba98765432100123456789abcdef"]`},
		"URLs":           {`["https://verify.twilio.com/v2/Services/VA0123456789abcdef0123456789abcdef?PageToken=PTabc"]`, `["https://verify.twilio.com/v2/Services/VAfedcba98765432100123456789abcdef?PageToken=PAxyz"]`},
		"request ids":    {`{"request_id": "a", "b": "1c0d5ac3-e19f-4b82-94a1-c0d5ac3e19f7"}`, `{"request_id": "b", "b": "9f7b8264-a1c0-4d5a-a3e1-9f7b8264a1c0"}`},
		"durations":      {`{"duration": 0.119}`, `{"duration": 2}`},
		"accounts":       {`{"account_sid": "AC0123456789abcdef0123456789abcdef"}`, `{"account_sid": "AC5ef872f6da5a21de157d80997a64bd33"}`},
		"what is hidden": {`{"to": "+4917512345678", "payee": "Jane", "binding": {"secret": "GEZDGNBVGY3TQOJQGEZDGNBV"}}`, `{"to": "jane@example.org", "payee": "+4917512345678", "binding": {"secret": "0123"}}`},
		"a message":      {`{"message": "The requested resource /Services/VA0123456789abcdef0123456789abcdef was not found"}`, `{"message": "The requested resource /Services/VAfedcba98765432100123456789abcdef was not found"}`},
		"numbers' form":  {`[1.50, 1e3]`, `[1.5, 1000]`},
	} {
		t.Run(name, func(t *testing.T) {
			file := oneCall(t, http.Header{"Content-Type": {"application/json"}, "Date": {"x"}, "Twilio-Request-Id": {"RQ1"}, "Etag": {"1"}}, 200, c.was)
			header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-New": {"y"}, "Twilio-Request-Duration": {"2"}}
			checked, err := checker(t, answering(t, header, 200, c.is)).Check(t.Context(), file)
			if err != nil || len(checked.Findings) > 0 || checked.Compared != 1 {
				t.Errorf("found %q, %v", lines(checked.Findings), err)
			}
		})
	}
}

func TestAStatusAndHeadersThatClientsActOnAreDrift(t *testing.T) {
	file := oneCall(t, http.Header{"Content-Type": {"application/json"}, "Location": {"/a"}}, 200, `{"sid": "VE1"}`)
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}, "Sunset": {"Wed, 01 Dec 2027 00:00:00 GMT"}}
	c := checker(t, answering(t, header, 429, `{"code": 20429, "message": "Too many requests to +4917512345678", "status": 429}`))
	want := []string{
		`interaction 0: response status: recorded 200, now 429: "Too many requests to +15005550006"`,
		"interaction 0: response header Location: missing",
		"interaction 0: response header Retry-After: new",
		"interaction 0: response header Sunset: new",
	}
	before := readFile(t, file)
	for _, c.Update = range []bool{false, true} {
		checked, err := c.Check(t.Context(), file)
		if got := lines(checked.Findings); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
		if line, ok := checked.Verdict(c.Update); ok || c.Update && line != "new answers written: 0 of 1; not checked: 0" {
			t.Errorf("the verdict is %q, %v", line, ok)
		}
	}
	if readFile(t, file) != before {
		t.Error("what upstream was at fault for is on the tape")
	}
	onlyFile(t, file)
}

func TestACheckThatCanNotGoOnLeavesTheFileAlone(t *testing.T) {
	s := newMovingServer(t)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			s.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	}))
	defer broken.Close()
	stopped, stop := context.WithCancel(t.Context())
	stopping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop()
		s.ServeHTTP(w, r)
	}))
	defer stopping.Close()
	for name, c := range map[string]struct {
		ctx      context.Context
		upstream string
		want     string
	}{
		"nobody is there":   {t.Context(), "http://127.0.0.1:1", "interaction 0: upstream 127.0.0.1:1 can't be reached: connection refused; check --upstream and the network"},
		"it breaks off":     {t.Context(), broken.URL, "interaction 1: upstream " + strings.TrimPrefix(broken.URL, "http://") + " broke off the connection before its answer was whole"},
		"it knows us not":   {t.Context(), answering(t, nil, 401, `{"code": 20003}`), "does not accept the credentials: recorded 201, now 401"},
		"somebody stops it": {stopped, stopping.URL, "was stopped before interaction 1; the file is as it was"},
	} {
		t.Run(name, func(t *testing.T) {
			file := taped(t, s, &redact.Policy{})
			before := readFile(t, file)
			ch := checker(t, c.upstream)
			ch.Update = true
			_, err := ch.Check(c.ctx, file)
			if err == nil || !strings.Contains(err.Error(), file) || !strings.HasSuffix(err.Error(), c.want) || strings.Contains(err.Error(), "twilio-vcr: ") {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if readFile(t, file) != before {
				t.Error("the file has changed")
			}
			onlyFile(t, file)
		})
	}
}

func TestNothingIsSentForAnUpdateThatCanNotBeWritten(t *testing.T) {
	s := newMovingServer(t)
	file := taped(t, s, &redact.Policy{})
	whole := readFile(t, file)
	c := checker(t, s.URL)
	c.Update = true

	w, _, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context(), file); err == nil || !strings.Contains(err.Error(), "another process is recording to "+file) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for want, text := range map[string]string{
		"is cut off; end it in order first":                                       whole[:len(whole)-60],
		"request header Authorization: credential is readable; take it out first": strings.Replace(whole, "Basic REDACTED", "Basic dXNlcjpwYTU1d29yZA==", 1),
	} {
		write(t, file, text)
		if _, err := c.Check(t.Context(), file); err == nil || !strings.Contains(err.Error(), want) || readFile(t, file) != text {
			t.Errorf("got %v, want %s", err, want)
		}
		onlyFile(t, file)
	}
	if len(s.calls) > 0 {
		t.Errorf("upstream got %q", s.calls)
	}
}

func TestCredentialsAreThoseOfTodayAndGoToUpstreamAlone(t *testing.T) {
	var stranger []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stranger = append(stranger, r.URL.Path) }))
	defer elsewhere.Close()
	var got []http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Clone()
		header.Set("Host", r.Host)
		header.Set("Path", r.URL.Path)
		got = append(got, header)
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusFound)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "stock.yaml")
	write(t, file, `version: 2
interactions:
- request:
    method: GET
    url: https://user:pa55w0rd@verify.twilio.com/v2/Services
    host: verify.twilio.com
    headers:
      authorization: [Basic dXNlcjpwYTU1dzByZA==]
      Cookie: [a=REDACTED]
      X-Tenant: [REDACTED]
      X-Account: [AC00000000000000000000b288f9282c0f]
      X-Vcr-Cassette: [c]
      X-Forwarded-For: [192.0.2.1]
      Connection: [keep-alive]
      Content-Length: ["99"]
      Accept-Encoding: [gzip]
      Prefer: [code=200]
  response: {code: 302, headers: {Location: [/]}}
- request: {method: GET, url: "@127.0.0.1:1/v2"}
  response: {code: 302, headers: {Location: [/]}}
- request: {method: GET, url: ".evil.example.com/v2"}
  response: {code: 302, headers: {Location: [/]}}
`)
	c := checker(t, s.URL)
	checked, err := c.Check(t.Context(), file)
	if err != nil || checked.Compared != 1 || checked.Unsent != 2 || len(checked.Findings) != 2 {
		t.Fatalf("found %q, %v", lines(checked.Findings), err)
	}
	req := &http.Request{Header: http.Header{}}
	req.SetBasicAuth(c.User, c.Password)
	want := http.Header{"Authorization": req.Header["Authorization"], "Prefer": {"code=200"}, "X-Account": {checkAccount}, "Host": {strings.TrimPrefix(s.URL, "http://")}, "Path": {"/v2/Services"}}
	delete(got[0], "Accept-Encoding") // of this test's transport
	if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("upstream got %v, want %v", got, want)
	}
	for _, again := range []string{s.URL + "/base/", s.URL + "/v2"} { // the tape's paths may begin with upstream's
		if _, err := checker(t, again).Check(t.Context(), file); err != nil {
			t.Error(err)
		}
	}
	if base, same := got[1].Get("Path"), got[4].Get("Path"); base != "/base/v2/Services" || same != "/v2/Services" {
		t.Errorf("upstream got %s and %s", base, same)
	}
	if len(stranger) > 0 {
		t.Errorf("a redirect was followed: %q", stranger)
	}
}

func TestAListInAnotherOrderMovesNothing(t *testing.T) {
	const a, b = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	recorded := fmt.Sprintf(`{"services": [{"sid": "%s"}, {"sid": "%s"}]}`, a, redact.Pseudonym(b))
	var m moves
	m.learn(recorded, fmt.Sprintf(`{"services": [{"sid": "%s"}, {"sid": "%s"}]}`, b, a), false)
	for tape, want := range map[string]string{a: a, redact.Pseudonym(b): b} {
		if got, unknown := m.real("/v2/Services/" + tape); got != "/v2/Services/"+want || unknown != "" {
			t.Errorf("%s is %s now, %s", tape, got, unknown)
		}
	}
	if got := m.putBack(redact.Pseudonym(b)); got != redact.Pseudonym(b) {
		t.Errorf("%s is put back", got)
	}
}
