package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// seen is what the user of an SDK sees of an error.
type seen struct {
	Status, Code int
	Messages     []string // the text of the exception, in each way that the SDK writes it
}

// misses are updates that the built-in cassette does not answer, and words of the explanation.
var misses = []struct {
	name, sid, status string
	words             []string
}{
	{"another verification", "VE0123456789abcdef0123456789abcdef", "approved", []string{"VE0123456789abcdef0123456789abcdef"}},
	{"another status", verification, "pending", []string{`form Status: recorded "approved", got "pending"`}},
}

func TestTheSDKsShowWhatAMissSays(t *testing.T) {
	sdks := []sdk{
		{name: "twilio-go", driver: []string{goDriver(t, "./sdk/miss")}},
		{name: "twilio for Node", driver: []string{"node", "sdk/miss/driver.js"}},
		{name: "twilio for Python", driver: []string{"/usr/bin/python3", "sdk/miss/driver.py"}},
	}
	player, base := proxy(t, "replay")
	for _, m := range misses {
		t.Run(m.name, func(t *testing.T) {
			explanation := curlMiss(t, base, m.sid, m.status)
			for _, words := range append(m.words, "nothing in", "answers POST /v2/Services/"+service+"/Verifications/"+m.sid, "nearest") {
				if !strings.Contains(explanation, words) {
					t.Errorf("%q is not in what curl shows: %s", words, explanation)
				}
			}
			t.Logf("curl shows: %q", explanation)
			for _, s := range sdks {
				s.driver = slices.Concat(s.driver, []string{m.sid, m.status})
				got := s.miss(t, base)
				for _, message := range got.Messages {
					if !strings.Contains(message, explanation) {
						t.Errorf("%s shows %q, want all of %q", s.name, message, explanation)
					}
					t.Logf("%s shows: %q", s.name, message)
				}
				if got.Status != 501 || got.Code != 501 {
					t.Errorf("%s: the status is %d and the code %d, want 501", s.name, got.Status, got.Code)
				}
			}
		})
	}
	if code := player.stop(t); code != 0 {
		t.Errorf("the replay ended with exit code %d", code)
	}
}

// miss returns what the user of s sees of its only call, which must fail.
func (s sdk) miss(t *testing.T, base string) (e seen) {
	t.Helper()
	all := s.run(t, base)
	if len(all) != 1 || all[0].Error == nil {
		t.Fatalf("%s: the call did not fail: %v", s.name, all)
	}
	b, err := json.Marshal(all[0].Error)
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil || len(e.Messages) == 0 {
		t.Fatalf("%s gives %v: %v", s.name, all[0].Error, err)
	}
	return e
}

// curlMiss makes the same call with curl and returns the message that it shows.
func curlMiss(t *testing.T, base, sid, status string) string {
	t.Helper()
	got := curl(t, "--user", other.sid+":"+other.token, "--data-urlencode", "Status="+status, base+"/v2/Services/"+service+"/Verifications/"+sid)
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	var e struct {
		Code, Status int
		Message      string
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if !strings.HasPrefix(head, "HTTP/1.1 501 ") || !strings.Contains(head, "X-Vcr-Outcome: miss") || e.Code != 501 || e.Status != 501 {
		t.Errorf("curl shows %s", got)
	}
	return e.Message
}
