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
// answering is an upstream with one answer.
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
		"somebody stops it": {stopped, stopping.URL, "was stopped; the file is as it was"},
	} {
		t.Run(name, func(t *testing.T) {
			file := taped(t, s, &redact.Policy{})
			before := readFile(t, file)
			ch := checker(t, c.upstream)
			ch.Update = true
			_, err := ch.Check(c.ctx, file)
			if c.upstream == stopping.URL && len(s.calls) != 1 {
				t.Errorf("upstream got %q", s.calls)
			}
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
	if _, err := c.Check(t.Context(), file); err == nil || !strings.Contains(err.Error(), "another process or session is recording to "+file) {
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
      X-Twilio-Signature: [s1gnatur3]
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

func TestAnAnswerThatCanNotBeRedactedIsNeitherShownNorWritten(t *testing.T) {
	file := oneCall(t, nil, 200, `{"a": "b"}`)
	before := readFile(t, file)
	c := checker(t, answering(t, nil, 200, `{"a": "%2525252B4917012345678"}`))
	c.Update = true
	checked, err := c.Check(t.Context(), file)
	if err != nil || checked.Unkept != 1 || len(checked.Findings) != 1 || checked.Findings[0].Rule != Unreadable ||
		!strings.Contains(checked.Findings[0].Problem, "the new answer can't be compared: response.body: a credential or a personal value") || strings.Contains(checked.Findings[0].Problem, "4917012345678") {
		t.Errorf("found %+v, %v", checked, err)
	}
	if readFile(t, file) != before {
		t.Error("the file has changed")
	}
}

func TestATapeThatWasWrittenByHandIsSentToo(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		w.WriteHeader(map[string]int{"POST": 500, "GET": 404}[r.Method])
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "hand.yaml")
	write(t, file, `version: 2
interactions:
- request: {method: POST, url: "/v2/Services?a=%zz;b", form: {Status: [approved], To: ["+15005550006"]}}
  response: {code: 200, body: '{"account_sid": "AC00000000000000000000b288f9282c0f"}'}
- request: {method: GET, url: /v2/Accounts/AC00000000000000000000b288f9282c0f}
  response: {code: 200}
- request: {method: GET, url: "/v2/Services/%zz"}
  response: {code: 200}
`)
	checked, err := checker(t, s.URL).Check(t.Context(), file)
	if want := []string{"POST /v2/Services?a=%zz;b Status=approved&To=%2B15005550006", "GET /v2/Accounts/" + checkAccount}; err != nil || !slices.Equal(got, want) {
		t.Errorf("upstream got %q, %v", got, err)
	}
	want := []string{
		"interaction 0: response status: recorded 200, now 500",
		"interaction 1: response status: recorded 200, now 404", // the account is not what the first call makes
		"note: interaction 2: request: not sent: its URL can't be asked for; set request.url right",
	}
	if got := lines(checked.Findings); !slices.Equal(got, want) {
		t.Errorf("found %q", got)
	}
	for _, account := range []string{"", "A"} {
		c := checker(t, s.URL)
		c.Account = account
		checked, err := c.Check(t.Context(), file)
		if want := "note: interaction 1: request: not sent: its path holds the pseudonym AC00000000000000000000b288f9282c0f, and no answer before it has told the real SID; set TWILIO_ACCOUNT_SID"; err != nil || lines(checked.Findings)[1] != want {
			t.Errorf("found %q, %v", lines(checked.Findings), err)
		}
	}
}
