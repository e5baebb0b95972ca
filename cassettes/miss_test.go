package cassettes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// misses are requests that the built-in example, and one JSON call beside it, do not answer.
func misses() []struct {
	name string
	r    *cassette.Request
} {
	const service = "/v2/Services/" + exampleService
	form := func(method, path, body string) *cassette.Request { return request(method, path, formMedia, body) }
	return []struct {
		name string
		r    *cassette.Request
	}{
		{"another status", form("POST", service+"/Verifications/"+exampleSID, "Status=pending")},
		{"no status", form("POST", service+"/Verifications/"+exampleSID, "")},
		{"a field misspelled", form("POST", service+"/Verifications/"+exampleSID, "status=approved")},
		{"a field more", form("POST", service+"/Verifications/"+exampleSID, "Status=approved&Locale=de")},
		{"another verification", form("POST", service+"/Verifications/VE0123456789abcdef0123456789abcdef", "Status=approved")},
		{"another service", form("POST", "/v2/Services/VA0123456789abcdef0123456789abcdef/Verifications/"+exampleSID, "Status=approved")},
		{"a SID too short", form("POST", service+"/Verifications/VEaaa", "Status=approved")},
		{"a service SID too short", form("POST", "/v2/Services/VAaaa/Verifications/"+exampleSID, "Status=approved")},
		{"a phone number", form("POST", service+"/Verifications/%2B15017122661", "Status=canceled")},
		{"another method", form("GET", service+"/Verifications/"+exampleSID, "")},
		{"another call", form("POST", service+"/VerificationCheck", "Code=123456")},
		{"a query", form("POST", service+"/Verifications/"+exampleSID+"?x=1", "Status=approved")},
		{"JSON in place of a form", request("POST", service+"/Verifications/"+exampleSID, "application/json", `{"Status": "approved"}`)},
		{"no content type", request("POST", service+"/Verifications/"+exampleSID, "", "Status=approved")},
		{"JSON that differs", request("POST", "/json", "application/json", `{"a": {"b": [1, 3]}, "d": null}`)},
		{"the account's SID", form("GET", "/2010/Accounts/AC0123456789abcdef0123456789abcdef", "")},
		{"a long value", form("POST", service+"/Verifications/"+exampleSID, "Status="+strings.Repeat("é", 100))},
	}
}

func TestMissesNameTheNearestInteractionAndTheDifference(t *testing.T) {
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	c.Interactions = append(c.Interactions, &cassette.Interaction{
		ID: 14, Request: *request("POST", "/json", "application/json", `{"a": {"b": [1, 2]}, "c": "x"}`), Response: cassette.Response{Code: 200},
	})
	policy := &redact.Policy{}
	var got strings.Builder
	for _, m := range misses() {
		s := NewSession(c, policy, Match{}, PlayOnce)
		policy.Request(m.r)
		fmt.Fprintf(&got, "%s\n    %s\n", m.name, s.explain(m.r, KeyOf(m.r)))
	}
	s := NewSession(c, policy, Match{}, PlayOnce)
	used := &c.Interactions[0].Request
	s.next(KeyOf(used))
	fmt.Fprintf(&got, "used up\n    %s\n", s.explain(used, KeyOf(used)))
	golden(t, "misses.txt", got.String())
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
