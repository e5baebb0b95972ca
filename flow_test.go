package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

const (
	flowAccount      = "AC5ef872f6da5a21de157d80997a64bd33"
	flowService      = "VA5ef872f6da5a21de157d80997a64bd34"
	flowVerification = "VE5ef872f6da5a21de157d80997a64bd35"
	flowNumber       = "+4917512345678"
	flowCode         = "482913"
)

// verifyServer is a stand-in of Twilio that knows one verification.
func verifyServer(t *testing.T) *httptest.Server {
	status := "pending"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		_, last, _ := strings.Cut(r.URL.Path, flowService)
		switch code := r.PostForm.Get("Code"); {
		case last == "/Verifications":
			w.WriteHeader(http.StatusCreated)
		case code != "" && code != flowCode:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"code": 60200, "message": "the code %s is wrong for %s", "more_info": "https://www.twilio.com/docs/errors/60200", "status": 400}`, code, r.PostForm.Get("To"))
			return
		case r.PostForm.Get("Status") != "":
			status = r.PostForm.Get("Status")
		}
		fmt.Fprintf(w, `{"sid": "%s", "service_sid": "%s", "account_sid": "%s", "to": "%s", "channel": "sms", "status": "%s", "url": "https://verify.twilio.com/v2/Services/%[2]s/Verifications/%[1]s"}`,
			flowVerification, flowService, flowAccount, flowNumber, status)
	}))
	t.Cleanup(s.Close)
	return s
}

// caller is a client and the names that it uses.
type caller struct{ account, service, verification, number, code string }

// flow makes all calls around a verification, and returns the answers.
func (c caller) flow(t *testing.T, base string) []string {
	t.Helper()
	var answers []string
	for _, call := range []struct {
		method, path string
		form         url.Values
	}{
		{"POST", "/Verifications", url.Values{"To": {c.number}, "Channel": {"sms"}}},
		{"GET", "/Verifications/" + c.verification, nil},
		{"POST", "/VerificationCheck", url.Values{"To": {c.number}, "Code": {strings.Repeat("9", len(c.code))}}},
		{"POST", "/VerificationCheck", url.Values{"VerificationSid": {c.verification}, "Code": {c.code}}},
		{"POST", "/Verifications/" + c.verification, url.Values{"Status": {"canceled"}}},
		{"POST", "/Verifications/" + url.PathEscape(c.number), url.Values{"Status": {"approved"}}},
		{"POST", "/Verifications/" + url.QueryEscape(c.number), url.Values{"Status": {"canceled"}}},
	} {
		req, err := http.NewRequest(call.method, base+"/v2/Services/"+c.service+call.path, strings.NewReader(call.form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if call.form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		req.SetBasicAuth(c.account, "9c3f1b7e5d2a4806f1e3c5b7a9d80246")
		status, body, err := send(req)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, fmt.Sprintf("%d %s", status, body))
	}
	return answers
}

func TestAWholeFlowReplaysWithRealValuesAndWithPseudonyms(t *testing.T) {
	realCaller := caller{flowAccount, flowService, flowVerification, flowNumber, flowCode}
	for _, sids := range []string{"credentials", "all"} {
		t.Run(sids, func(t *testing.T) {
			dir := t.TempDir()
			settings, tape := filepath.Join(dir, "settings.yaml"), filepath.Join(dir, "flow.yaml")
			if err := os.WriteFile(settings, []byte("redact:\n  sids: "+sids+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, "record", "--cassette", tape, "--config", settings, "--upstream", verifyServer(t).URL)
			live := realCaller.flow(t, p.url)
			if code := p.end(t, syscall.SIGTERM); code != 0 {
				t.Fatalf("exit code %d: %s", code, &p.stderr)
			}
			text := p.stderr.String() + readAll(t, tape)
			for _, secret := range []string{flowAccount, flowNumber[1:], flowCode, "999999"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s is left in\n%s", secret, text)
				}
			}
			if readable := strings.Contains(text, flowVerification) && strings.Contains(text, flowService); readable != (sids == "credentials") {
				t.Errorf("SIDs are readable: %t", readable)
			}
			if findings := cassettes.Lint(tape, &redact.Policy{}); len(findings) > 0 && !findings[0].Note {
				t.Errorf("lint finds %v", findings)
			}

			// What an answer holds of the caller's, the caller gets back; what it did not send, as it is on the tape.
			pseudonyms := caller{redact.Pseudonym(flowAccount), redact.Pseudonym(flowService), redact.Pseudonym(flowVerification), "+15005550006", "111111"}
			for name, c := range map[string]caller{"real values": realCaller, "pseudonyms": pseudonyms} {
				// Whatever the replay's own settings are.
				for _, arguments := range [][]string{{"--config", settings}, {"--config", os.DevNull}} {
					p := start(t, append([]string{"replay", "--cassette", tape, "--play", "once"}, arguments...)...)
					replayed := c.flow(t, p.url)
					p.end(t, syscall.SIGTERM)
					if !strings.Contains(p.stderr.String(), `"missed": 0`) {
						t.Errorf("%s: there were misses: %s", name, &p.stderr)
					}
					for i, got := range replayed {
						if general(got) != general(live[i]) {
							t.Errorf("%s: call %d got\n%s, live it was\n%s", name, i, got, live[i])
						}
					}
					if want := strings.ReplaceAll(live[4], flowNumber, "+15005550006"); c == realCaller && replayed[4] != want {
						t.Errorf("%s: the caller got\n%s, live it was\n%s", arguments, replayed[4], want)
					}
					if c == realCaller && replayed[0] != live[0] && sids == "credentials" {
						t.Errorf("the caller got\n%s, live it was\n%s", replayed[0], live[0])
					}
				}
			}
		})
	}
}

// general returns an answer without what tells callers apart: SIDs, numbers and codes.
func general(answer string) string {
	return regexp.MustCompile(`(AC|VA|VE)[0-9a-f]{32}|\+\d{10,}|\b(999999|111111)\b`).ReplaceAllString(answer, "*")
}

func readAll(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatRedactionCanNotSeeThroughIsNotRecorded(t *testing.T) {
	const secret = "c4n4ry0f7h3auth70k3n9876543210ab"
	hidden := "%2525252563" + secret[1:] // five layers of escapes
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"echo": %q}`, hidden)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	tape := filepath.Join(dir, "c.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL, "--log-level", "debug")
	status, body, err := call(p.url, "Status=approved", basic("AC5ef872f6da5a21de157d80997a64bd33", secret))
	if err != nil || status != 200 || !strings.Contains(body, hidden) {
		t.Errorf("the client got %d %s, %v", status, body, err)
	}
	if code := p.end(t, syscall.SIGTERM); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if log := p.stderr.String(); !strings.Contains(log, "response.body: a credential or a personal value of this exchange is left in it") || strings.Contains(log, secret[1:]) {
		t.Errorf("the log is %s", log)
	}
	texts := map[string]string{}
	collect(t, dir, texts)
	for place, text := range texts {
		if strings.Contains(text, secret[1:]) {
			t.Errorf("it is in %s", place)
		}
	}
}

func TestACallThatAReplayWillNotFindIsSaid(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"identity": "jane-doe-1234"}`)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	settings := filepath.Join(dir, "settings.yaml")
	if err := os.WriteFile(settings, []byte("redact:\n  fields: [Note]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const said = "a replay will not find it by this request"
	ignored := filepath.Join(dir, "ignored.yaml")
	if err := os.WriteFile(ignored, []byte("match:\n  ignore: [Note]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{os.DevNull: true, settings: false, ignored: false} {
		tape := filepath.Join(dir, filepath.Base(file)+".tape.yaml")
		p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL, "--config", file)
		mustCall(t, p.url, "Note=jane-doe-1234")
		p.end(t, syscall.SIGTERM)
		if log := p.stderr.String(); strings.Contains(log, said) != want || strings.Contains(log+readAll(t, tape), "jane-doe") {
			t.Errorf("%s: the log is %s", file, log)
		}
		player := start(t, "replay", "--cassette", tape, "--config", file)
		if status, body := mustCall(t, player.url, "Note=jane-doe-1234"); (status == 501) != want {
			t.Errorf("%s: the replay answers %d %s", file, status, body)
		}
		player.end(t, syscall.SIGTERM)
	}
}

// TestTheREADMEShowsWhatIsOnTheTape redacts the call that the README shows, which is indented there.
func TestTheREADMEShowsWhatIsOnTheTape(t *testing.T) {
	_, text, _ := strings.Cut(readAll(t, "README.md"), "## What is on the tape")
	text, _, _ = strings.Cut(text, "One table,")
	var lines []string
	for line := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimSpace(code))
		}
	}
	if len(lines) != 8 {
		t.Fatalf("the README shows %q", lines)
	}
	it := &cassette.Interaction{
		Request: cassette.Request{
			Method: "POST", URL: strings.TrimPrefix(lines[0], "POST "), Body: lines[2],
			Headers: http.Header{"Authorization": {strings.TrimPrefix(lines[1], "Authorization: ")}, "Content-Type": {"application/x-www-form-urlencoded"}},
		},
		Response: cassette.Response{Body: lines[3]},
	}
	(&redact.Policy{}).Interaction(it)
	for i, got := range []string{"POST " + it.Request.URL, "Authorization: " + it.Request.Headers.Get("Authorization"), it.Request.Body, it.Response.Body} {
		if got != lines[4+i] {
			t.Errorf("got\n%s\nthe README has\n%s", got, lines[4+i])
		}
	}
}
