package cassettes

import (
	"net/http"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func TestWhatIsIgnoredDoesNotTellRequestsApart(t *testing.T) {
	form := func(body string) *cassette.Request { return request("POST", "/v2", formMedia, body) }
	json := func(body string) *cassette.Request { return request("POST", "/v2", "application/json", body) }
	for _, c := range []struct {
		ignore string
		a, b   *cassette.Request
		same   bool
	}{
		{"Tags", form("To=1&Tags=a"), form("To=1&Tags=b"), true},
		{"Tags", form("To=1&Tags=a"), form("To=1"), true},
		{"tags", form("To=1&Tags=a"), form("To=2&Tags=a"), false},
		{"friendly_name", form("FriendlyName=a"), form("FriendlyName=b"), true},
		{"Secret", form("Binding.Secret=a"), form("Binding.Secret=b"), true},
		{"Binding.Secret", form("Binding.Secret=a"), form("Binding.Secret=b"), true},
		{"Binding.Secret", form("Secret=a"), form("Secret=b"), false},
		{"Page", request("GET", "/v2?Page=1", "", ""), request("GET", "/v2?Page=2&Page=3", "", ""), true},
		{"Page", request("GET", "/v2?Page=1", "", ""), request("GET", "/v2?PageSize=1", "", ""), false},
		{"id", json(`{"a": {"id": 1}}`), json(`{"a": {"id": [2, 3]}}`), true},
		{"a.id", json(`{"x": {"a": {"id": 1}}}`), json(`{"x": {"a": {"id": 2}}}`), true},
		{"$.a.id", json(`{"x": {"a": {"id": 1}}}`), json(`{"x": {"a": {"id": 2}}}`), false},
		{"$.a[*].id", json(`{"a": [{"id": 1}, {"id": 1}]}`), json(`{"a": [{"id": 2}, {}]}`), true},
		{"$.a[*].id", json(`{"a": [{"id": 1}, {"id": 1}]}`), json(`{"a": [{"id": 2}]}`), false},
		{"$.a.id", form("a.id=1"), form("a.id=2"), false},
	} {
		var m Match
		must(t, m.Ignore(c.ignore))
		if got := m.Key(c.a) == m.Key(c.b); got != c.same {
			t.Errorf("%s: %s%s and %s%s: the same: %t", c.ignore, c.a.URL, c.a.Body, c.b.URL, c.b.Body, got)
		}
	}
}

func TestHeadersTellRequestsApartOnlyIfAsked(t *testing.T) {
	with := func(headers http.Header) *cassette.Request {
		r := request("POST", "/v2", formMedia, "a=1")
		headers.Set("Content-Type", formMedia)
		r.Headers = headers
		return r
	}
	var ab, ba Match
	for _, name := range []string{"X-A", "x-b", "X-A"} {
		must(t, ab.AddHeader(name))
	}
	must(t, ba.AddHeader("X-B"))
	must(t, ba.AddHeader("X-A"))
	one, other, none := with(http.Header{"X-A": {"1"}}), with(http.Header{"X-B": {"1"}}), with(http.Header{"X-C": {"1"}})
	policy := &redact.Policy{}
	if (Match{}).unredacted(policy, *one) != (Match{}).unredacted(policy, *none) {
		t.Error("headers count by default")
	}
	for _, pair := range [][2]*cassette.Request{{one, other}, {one, none}, {one, with(http.Header{"X-A": {"1", "1"}})}, {one, with(http.Header{"X-A": {"2"}})}} {
		if ab.unredacted(policy, *pair[0]) == ab.unredacted(policy, *pair[1]) {
			t.Errorf("%v and %v are the same", pair[0].Headers, pair[1].Headers)
		}
	}
	if ab.unredacted(policy, *one) != ba.unredacted(policy, *one) {
		t.Error("the order of the settings counts")
	}
	personal, redacted := with(http.Header{"X-A": {"call +4917512345678"}}), with(http.Header{"X-A": {"call +15005550006"}})
	if ab.unredacted(policy, *personal) != ab.unredacted(policy, *redacted) {
		t.Error("a header is compared with what it was before it was redacted")
	}
}

func TestABodyThatIsNotComparedIsNotToldEither(t *testing.T) {
	var m Match
	must(t, m.SetBody("off"))
	if m.Key(request("POST", "/v2", formMedia, "a=1")) != m.Key(request("POST", "/v2", "application/json", "[]")) {
		t.Error("the body counts")
	}
	s := sessionOf(t, m, PlayOnce)
	r := request("POST", otherService+"/Verifications/"+exampleSID, formMedia, "Status=pending")
	if e := s.explain(r, m.Key(r)); len(e.Differences) != 1 || e.Differences[0].Place != "path ServiceSid" {
		t.Errorf("got %s", e)
	}
	must(t, m.SetBody("on"))
	if m.Key(request("POST", "/v2", formMedia, "a=1")) == m.Key(request("POST", "/v2", formMedia, "a=2")) {
		t.Error("the body does not count")
	}
}

func TestTheSameCallIsNearerThanTheSamePath(t *testing.T) {
	c := &Cassette{}
	for i, r := range []*cassette.Request{
		request("POST", otherService+"/Verifications/"+otherSID, formMedia, "Status=approved"),
		request("GET", otherService+"/Verifications/"+exampleSID, "", ""),
	} {
		c.Interactions = append(c.Interactions, &cassette.Interaction{ID: i, Request: *r, Response: cassette.Response{Code: 200}})
	}
	s := NewSession(c, &redact.Policy{}, Match{}, PlayOnce)
	r := request("GET", otherService+"/Verifications/"+otherSID, "", "")
	if m := s.explain(r, s.match.Key(r)); m.Nearest != 1 || m.Reason != OtherSID || m.AsNear != 0 {
		t.Errorf("got %s", m)
	}
}

func TestTheNearestOfManyPagesIsFound(t *testing.T) {
	c := &Cassette{}
	for i := range 1000 {
		r := request("GET", "/v2/Services?Page="+strings.Repeat("x", i)+"&PageSize=50", "", "")
		c.Interactions = append(c.Interactions, &cassette.Interaction{ID: i, Request: *r, Response: cassette.Response{Code: 200}})
	}
	s := NewSession(c, &redact.Policy{}, Match{}, PlayOnce)
	r := request("GET", "/v2/Services?PageSize=51&Page="+strings.Repeat("x", 999), "", "")
	if m := s.explain(r, s.match.Key(r)); m.Nearest != 999 || m.AsNear != 0 {
		t.Errorf("got %s", m)
	}
}
