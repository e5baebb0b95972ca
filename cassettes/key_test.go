package cassettes

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func request(method, target, media, body string) *cassette.Request {
	r := &cassette.Request{Method: method, URL: target, Body: body, Headers: http.Header{}}
	if media != "" {
		r.Headers.Set("Content-Type", media)
	}
	return r
}

func TestRequestsThatAreTheSame(t *testing.T) {
	for name, pair := range map[string][2]*cassette.Request{
		"another host":                {request("GET", "https://verify.twilio.com/a", "", ""), request("GET", "http://127.0.0.1:4010/a", "", "")},
		"another order of the query":  {request("GET", "/a?x=1&y=2", "", ""), request("GET", "/a?y=2&x=1", "", "")},
		"a query escaped otherwise":   {request("GET", "/a?To=%2B1501", "", ""), request("GET", "/a?T%6f=%2b1501", "", "")},
		"+ and %2B in the path":       {request("GET", "/v/+1501", "", ""), request("GET", "/v/%2B1501", "", "")},
		"a fragment":                  {request("GET", "/a?x#f", "", ""), request("GET", "/a?x=", "", "")},
		"no path":                     {request("GET", "http://h", "", ""), request("GET", "http://h/", "", "")},
		"another order of the form":   {request("POST", "/", formMedia, "Status=approved&B=2"), request("POST", "/", formMedia, "B=2&Status=approved")},
		"a charset":                   {request("POST", "/", formMedia+"; charset=utf-8", "A=1"), request("POST", "/", "Application/X-WWW-form-urlencoded", "A=1")},
		"JSON laid out otherwise":     {request("POST", "/", "application/json", `{"a":1,"b":[1,{"c":"é"}]}`), request("POST", "/", "application/json", "{ \"b\": [1, {\"c\": \"\\u00e9\"}],\n\"a\": 1 }")},
		"a form without its body":     {request("POST", "/", formMedia, "B=2&A=1"), {Method: "POST", URL: "/", Form: url.Values{"A": {"1"}, "B": {"2"}}}},
		"an empty body of two kinds":  {request("POST", "/", formMedia, ""), request("POST", "/", "", "")},
		"a query that is not escaped": {request("GET", "/a?x=%zz;y", "", ""), request("GET", "/a?x=%zz;y", "", "")},
	} {
		if (Match{}).Key(pair[0]) != (Match{}).Key(pair[1]) {
			t.Errorf("%s: the keys differ", name)
		}
	}
}

func TestRequestsThatAreNotTheSame(t *testing.T) {
	for name, pair := range map[string][2]*cassette.Request{
		"another method":               {request("GET", "/a", "", ""), request("POST", "/a", "", "")},
		"another path":                 {request("GET", "/a", "", ""), request("GET", "/b", "", "")},
		"a slash that is escaped":      {request("GET", "/a%2Fb", "", ""), request("GET", "/a/b", "", "")},
		"a percent that is escaped":    {request("GET", "/a%252Fb", "", ""), request("GET", "/a%2Fb", "", "")},
		"another value":                {request("POST", "/", formMedia, "Status=approved"), request("POST", "/", formMedia, "Status=canceled")},
		"a field more":                 {request("POST", "/", formMedia, "A=1"), request("POST", "/", formMedia, "A=1&A=1")},
		"another order of one field":   {request("POST", "/", formMedia, "A=1&A=2"), request("POST", "/", formMedia, "A=2&A=1")},
		"a value in another field":     {request("POST", "/", formMedia, "A=1&B="), request("POST", "/", formMedia, "A=&B=1")},
		"a separator in a value":       {request("POST", "/", formMedia, "A=1%26B=2"), request("POST", "/", formMedia, "A=1&B=2")},
		"a number written otherwise":   {request("POST", "/", "application/json", "1.0"), request("POST", "/", "application/json", "1")},
		"a long number":                {request("POST", "/", "application/json", "12345678901234567890"), request("POST", "/", "application/json", "12345678901234567891")},
		"another member of two":        {request("POST", "/", "application/json", `{"a":1,"a":2}`), request("POST", "/", "application/json", `{"a":2}`)},
		"another order in an array":    {request("POST", "/", "application/json", "[1,2]"), request("POST", "/", "application/json", "[2,1]")},
		"JSON with something after":    {request("POST", "/", "application/json", "1"), request("POST", "/", "application/json", "1 2")},
		"a body that is not UTF-8":     {request("POST", "/", "application/json", "\"\xff\""), request("POST", "/", "application/json", "\"\xfe\"")},
		"bytes":                        {request("POST", "/", "text/plain", "a=1&b=2"), request("POST", "/", "text/plain", "b=2&a=1")},
		"a query and a body":           {request("POST", "/?a=1", formMedia, ""), request("POST", "/", formMedia, "a=1")},
		"a path before a URL":          {{Method: "GET", URL: "/a?u=http://h/x"}, {Method: "GET", URL: "/b?u=http://h/x"}},
		"a query that can't be parsed": {request("GET", "/?a=%zz", "", ""), request("GET", "/?a=%zy", "", "")},
	} {
		if (Match{}).Key(pair[0]) == (Match{}).Key(pair[1]) {
			t.Errorf("%s: the keys are the same", name)
		}
	}
}

func TestARealSIDAndItsPseudonymFindTheSameInteraction(t *testing.T) {
	const sid = "AC0123456789abcdef0123456789abcdef"
	c := &Cassette{File: "c.yaml", Interactions: []*cassette.Interaction{{
		Request:  cassette.Request{Method: "GET", URL: "https://x/" + sid}, // not redacted: somebody else recorded it
		Response: cassette.Response{Code: 200},
	}}}
	policy := &redact.Policy{}
	s := NewSession(c, policy, Match{}, PlayLast)
	for _, caller := range []string{sid, redact.Pseudonym(sid)} {
		r := request("GET", "/"+caller, "", "")
		policy.Request(r)
		if a, _ := s.next((Match{}).Key(r)); a == nil {
			t.Errorf("%s finds nothing", caller)
		}
	}
}

func TestWhatFollowsTheLastInteractionIsDecidedByPlay(t *testing.T) {
	for play, want := range map[Play]string{PlayLast: "0 1 2 2r 2r 2r 2r ", PlayOnce: "0 1 2 - - - - ", PlayLoop: "0 1 2 0r 1r 2r 0r "} {
		c := &Cassette{}
		for i := range 3 {
			it := numbered(0)
			it.ID = i
			c.Interactions = append(c.Interactions, it)
		}
		s := NewSession(c, &redact.Policy{}, Match{}, play)
		got := ""
		for range 7 {
			a, turn := s.next((Match{}).Key(&numbered(0).Request))
			switch {
			case a == nil:
				got += "- "
			case turn > 1:
				got += string(rune('0'+a.it.ID)) + "r "
			default:
				got += string(rune('0'+a.it.ID)) + " "
			}
		}
		if got != want {
			t.Errorf("%s plays %s, want %s", play, got, want)
		}
	}
}

func FuzzTheKeyNeverPanics(f *testing.F) {
	f.Add("GET", "http://h/%zz?%zz;a=b&&=#f", formMedia, "a=%zz&b")
	f.Add("POST", "", "application/json", `{"a":[1,{}],"a":`)
	f.Fuzz(func(t *testing.T, method, target, media, body string) {
		a, b := request(method, target, media, body), request(method, target, media, body)
		if (Match{}).Key(a) != (Match{}).Key(b) {
			t.Error("the same request has two keys")
		}
	})
}

func TestAFormThatRepeatsTheQueryIsNoBody(t *testing.T) {
	for _, c := range []struct {
		name, url, body string
		form, want      url.Values
	}{
		{"none", "/?a=1", "", nil, nil},
		{"the body's", "/", "a=1", url.Values{"a": {"1"}}, nil},
		{"a form without its body", "/", "", url.Values{"a": {"1"}}, url.Values{"a": {"1"}}},
		{"the query, as go-vcr v4 has it", "/?a=1&a=2&b=", "", url.Values{"a": {"1", "2"}, "b": {""}}, url.Values{}},
		{"both", "/?a=1", "", url.Values{"a": {"0", "1"}, "b": {"x"}}, url.Values{"a": {"0"}, "b": {"x"}}},
		{"a form without the query", "/?q=1", "", url.Values{"a": {"0"}}, url.Values{"a": {"0"}}},
		{"another value in the query", "/?a=1&b=2", "", url.Values{"a": {"0"}, "b": {"2"}}, url.Values{"a": {"0"}, "b": {"2"}}},
	} {
		r := &cassette.Request{URL: "https://x" + c.url, Body: c.body, Form: c.form}
		if got := bodyForm(r); !maps.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
