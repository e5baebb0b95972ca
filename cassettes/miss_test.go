package cassettes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// miss is a request that a tape does not answer.
type miss struct {
	name string
	r    *cassette.Request
}

const (
	otherService = "/v2/Services/VA0123456789abcdef0123456789abcdef"
	otherSID     = "VE0123456789abcdef0123456789abcdef"
)

// misses are requests that the built-in example, and the calls of flow beside it, do not answer.
func misses() []miss {
	const service = "/v2/Services/" + exampleService
	form := func(method, path, body string) *cassette.Request { return request(method, path, formMedia, body) }
	return []miss{
		{"another status", form("POST", service+"/Verifications/"+exampleSID, "Status=pending")},
		{"no status", form("POST", service+"/Verifications/"+exampleSID, "")},
		{"a field misspelled", form("POST", service+"/Verifications/"+exampleSID, "status=approved")},
		{"a field more", form("POST", service+"/Verifications/"+exampleSID, "Status=approved&Locale=de")},
		{"a field twice", form("POST", service+"/Verifications/"+exampleSID, "Status=approved&Status=canceled")},
		{"another verification", form("POST", service+"/Verifications/"+otherSID, "Status=approved")},
		{"another service", form("POST", otherService+"/Verifications/"+exampleSID, "Status=approved")},
		{"another service and verification", form("POST", otherService+"/Verifications/"+otherSID, "Status=canceled")},
		{"a SID too short", form("POST", service+"/Verifications/VEaaa", "Status=approved")},
		{"a service SID too short", form("POST", "/v2/Services/VAaaa/Verifications/"+exampleSID, "Status=approved")},
		{"a phone number", form("POST", service+"/Verifications/%2B15017122661", "Status=canceled")},
		{"another method", form("GET", service+"/Verifications/"+exampleSID, "")},
		{"another method that the API does not have", form("DELETE", service+"/Verifications/"+exampleSID, "")},
		{"another call", form("POST", service+"/Webhooks", "FriendlyName=a&EventTypes=b&WebhookUrl=c")},
		{"a call that lacks what it must have", form("POST", service+"/Webhooks", "FriendlyName=a")},
		{"a call of another API", form("POST", "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json", "Body=hello")},
		{"the base URL", form("GET", "/", "")},
		{"a query", form("POST", service+"/Verifications/"+exampleSID+"?x=1", "Status=approved")},
		{"another page", form("GET", "/v2/Services?PageSize=50&Page=1", "")},
		{"JSON in place of a form", request("POST", service+"/Verifications/"+exampleSID, "application/json", `{"Status": "approved"}`)},
		{"no content type", request("POST", service+"/Verifications/"+exampleSID, "", "Status=approved")},
		{"JSON that differs", request("POST", "/json", "application/json", `{"a": {"b": [1, 3]}, "d": null, "e": "é"}`)},
		{"JSON in which all differs", request("POST", "/json", "application/json", `{"a1": 1, "a2": 2, "a3": 3, "a4": 4, "a5": 5, "a6": 6, "a7": 7, "a8": 8}`)},
		{"broken JSON", request("POST", "/json", "application/json", `{"a": `)},
		{"JSON with a member twice", request("POST", "/json", "application/json", `{"a": {"b": [1, 2]}, "c": "y", "c": "x", "e": "\u00e9"}`)},
		{"a text that differs at its end", request("PUT", "/text", "text/plain", strings.Repeat("the same text, ", 20)+"and Berlin at the end")},
		{"a text where nothing was sent", request("PUT", "/text", "text/plain", "")},
		{"another number of another API", request("GET", "/orders/124/items", "", "")},
		{"the account's SID", form("GET", "/2010/Accounts/AC0123456789abcdef0123456789abcdef", "")},
		{"a long value", form("POST", service+"/Verifications/"+exampleSID, "Status="+strings.Repeat("é", 100))},
		{"another channel", form("POST", service+"/Verifications", "To=%2B14155550100&Channel=call")},
		{"a channel that is not sent", form("POST", service+"/Verifications", "To=%2B14155550100")},
		{"tags", form("POST", service+"/Verifications", "To=%2B14155550100&Channel=sms&TemplateSid=HJ0123456789abcdef0123456789abcdef&Locale=de&AppHash=x")},
		{"a check by SID", form("POST", service+"/VerificationCheck", "VerificationSid="+exampleSID+"&Code=123456")},
	}
}

// flow are calls beside the built-in example.
func flow() []*cassette.Interaction {
	const service = "/v2/Services/" + exampleService
	var all []*cassette.Interaction
	for i, r := range []*cassette.Request{
		request("POST", "/json", "application/json", `{"a": {"b": [1, 2]}, "c": "x", "e": "\u00e9"}`),
		request("PUT", "/text", "text/plain", strings.Repeat("the same text, ", 20)+"and Paris at the end"),
		request("GET", "/orders/123/items", "", ""),
		request("POST", service+"/Verifications", formMedia, "To=%2B15005550006&Channel=sms"),
		request("POST", service+"/VerificationCheck", formMedia, "To=%2B15005550006&Code=111111"),
		request("GET", "/v2/Services?PageSize=50", "", ""),
	} {
		all = append(all, &cassette.Interaction{ID: 14 + i, Request: *r, Response: cassette.Response{Code: 200}})
	}
	return all
}

// sessionOf returns a session of the built-in example and the calls of flow.
func sessionOf(t *testing.T, match Match, play Play) *Session {
	t.Helper()
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	c.Interactions = append(c.Interactions, flow()...)
	return NewSession(c, &redact.Policy{}, match, play)
}

func TestMissesNameTheNearestInteractionTheDifferenceAndTheMend(t *testing.T) {
	policy := &redact.Policy{}
	var got strings.Builder
	tell := func(name string, s *Session, r *cassette.Request) *Miss {
		key, _ := s.match.redacted(policy, r)
		m := s.explain(r, key)
		fmt.Fprintf(&got, "%s\n    %s\n", name, m)
		if m.Mend == "" || !strings.HasSuffix(m.String(), m.Mend) {
			t.Errorf("%s: no mend", name)
		}
		return m
	}
	for _, m := range misses() {
		tell(m.name, sessionOf(t, Match{}, PlayOnce), m.r)
	}
	tell("an empty cassette", NewSession(&Cassette{File: "empty.yaml"}, policy, Match{}, PlayOnce), misses()[0].r)

	used := sessionOf(t, Match{}, PlayOnce)
	for range 2 {
		request := used.answers[0].request
		used.Add(&cassette.Interaction{ID: 20, Request: *request, Response: cassette.Response{Code: 200}})
	}
	tell("used up", used, used.answers[0].request)

	var headers Match
	must(t, headers.AddHeader("prefer"))
	r := request("GET", "/orders/123/items", "", "")
	r.Headers = http.Header{"Prefer": {"code=404"}}
	if m := tell("a header that is compared", sessionOf(t, headers, PlayOnce), r); m.Reason != HeadersDiffer {
		t.Errorf("got %s", m.Reason)
	}
	var lax Match
	must(t, lax.Ignore("Channel"))
	must(t, lax.Ignore("$.a.b"))
	tell("ignored fields are not told", sessionOf(t, lax, PlayOnce), request("POST", "/v2/Services/"+exampleService+"/Verifications", formMedia, "To=%2B14155550100&Channel=call&Locale=de"))
	tell("nor are ignored members", sessionOf(t, lax, PlayOnce), request("POST", "/json", "application/json", `{"a": {"b": 5}, "c": "z", "e": "é"}`))
	golden(t, "misses.txt", got.String())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheReportHasAllDifferencesAndTheMessageSome(t *testing.T) {
	s := sessionOf(t, Match{}, PlayOnce)
	r := misses()[22].r
	m := s.explain(r, s.match.Key(r))
	if len(m.Differences) != 12 || strings.Count(m.String(), "JSON $.") != maxTold || !strings.Contains(m.String(), "; 4 more differences; ") {
		t.Errorf("%d differences: %s", len(m.Differences), m)
	}
	text, err := json.Marshal(m)
	if err != nil || !strings.Contains(string(text), `"reason":"fields-differ"`) || !strings.Contains(string(text), `{"place":"JSON $.a1","recorded":null,"got":["1"]}`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestASIDAndItsPseudonymAreNoDifference is about tapes of other policies than that of the replay.
func TestASIDAndItsPseudonymAreNoDifference(t *testing.T) {
	all := &redact.Policy{}
	all.AllSIDs()
	for _, policy := range []*redact.Policy{{}, all} {
		c := &Cassette{Interactions: []*cassette.Interaction{
			{Request: *request("POST", otherService+"/Verifications/"+otherSID, formMedia, "Status=approved&Sid="+otherSID), Response: cassette.Response{Code: 200}},
			{Request: *request("POST", otherService+"/Verifications/"+exampleSID, formMedia, "Status=canceled&Sid="+otherSID), Response: cassette.Response{Code: 200}},
		}}
		s := NewSession(c, all, Match{}, PlayOnce)
		r := request("POST", otherService+"/Verifications/"+otherSID, formMedia, "Status=canceled&Sid="+otherSID)
		key, _ := s.match.redacted(policy, r)
		if m := s.explain(r, key); m.AsNear != 0 || len(m.Differences) != 1 || m.Differences[0].Place != "form Status" {
			t.Errorf("got %s", m)
		}
	}
}

// golden compares got with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readFile(t, file); got != want {
		t.Errorf("%s has changed; look at it and run with -update\n%s", file, got)
	}
}

// manyAnswers are as many calls, a tenth of them with the same path.
func manyAnswers(n int) *Cassette {
	c := &Cassette{File: "many.yaml"}
	for i := range n {
		path := fmt.Sprintf("%s/Verifications/VE%032x", otherService, i)
		if i%10 == 0 {
			path = otherService + "/Verifications/" + otherSID
		}
		c.Interactions = append(c.Interactions, &cassette.Interaction{ID: i, Response: cassette.Response{Code: 200},
			Request: *request("POST", "https://verify.twilio.com"+path, formMedia, fmt.Sprintf("Status=approved&n=%d&Note=%s", i, strings.Repeat("x", 300)))})
	}
	return c
}

func TestTheNearestOfManyIsFound(t *testing.T) {
	s := NewSession(manyAnswers(30_000), &redact.Policy{}, Match{}, PlayOnce)
	r := request("POST", otherService+"/Verifications/"+otherSID, formMedia, "Status=canceled&n=27770&Note="+strings.Repeat("x", 300))
	if m := s.explain(r, Key{}); m.Nearest != 27770 || m.AsNear != 0 || m.AtLeast {
		t.Errorf("got %s", m)
	}
	r.Body = "Status=approved&n=none&Note=" + strings.Repeat("x", 300)
	if m := s.explain(r, Key{}); m.Nearest != 0 || m.AsNear != maxCompared-1 || !m.AtLeast {
		t.Errorf("got %s", m)
	}
}

func TestAMissOfLongBodiesTakesLittleMemory(t *testing.T) {
	long := strings.Repeat(`"a long text", `, 100_000)
	c := &Cassette{}
	for i := range 5 {
		r := request("POST", "/json", "application/json", fmt.Sprintf(`{"list": [%s%d], "text": "%s recorded"}`, long, i, strings.Repeat("x", 1<<20)))
		c.Interactions = append(c.Interactions, &cassette.Interaction{ID: i, Request: *r, Response: cassette.Response{Code: 200}})
	}
	s := NewSession(c, &redact.Policy{}, Match{}, PlayOnce)
	r := request("POST", "/json", "application/json", fmt.Sprintf(`{"list": [%s], "text": "%s got"}`, strings.Repeat("1, ", 100_000)+"1", strings.Repeat("x", 1<<20)))
	m := s.explain(r, s.match.Key(r))
	text, err := json.Marshal(m)
	if err != nil || len(text) > 100_000 || len(m.Differences) != maxDifferences || m.More != 100_002-maxDifferences || !strings.Contains(m.String(), fmt.Sprintf("; %d more differences; ", 100_002-maxTold)) {
		t.Errorf("%d differences and %d more, %d bytes: %s", len(m.Differences), m.More, len(text), m)
	}
	r = request("POST", "/json", "application/json", strings.Replace(c.Interactions[0].Request.Body, " recorded", " got", 1))
	m = s.explain(r, s.match.Key(r))
	if m.Nearest != 0 || !m.AtLeast || len(m.Differences) != 1 || len(m.Differences[0].Got[0]) > keptBytes+10 || !strings.Contains(m.String(), `recorded …xxxxxxxxxxxxxxxxxxxx`) || !strings.Contains(m.String(), `x got"`) {
		t.Errorf("got %s", m)
	}
}

func BenchmarkMiss(b *testing.B) {
	const n = 100_000
	s := NewSession(manyAnswers(n), &redact.Policy{}, Match{}, PlayOnce)
	for name, r := range map[string]*cassette.Request{
		"same path":    request("POST", otherService+"/Verifications/"+otherSID, formMedia, "Status=canceled&n=27770"),
		"other SID":    request("POST", otherService+"/Verifications/"+exampleSID, formMedia, "Status=canceled&n=27771"),
		"nothing near": request("GET", "/v2/Templates", "", ""),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.explain(r, Key{})
			}
		})
	}
}
