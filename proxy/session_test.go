package proxy

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

func TestARequestNamesItsSessionByAHeaderOrByItsPath(t *testing.T) {
	for _, c := range []struct {
		target  string
		headers []string
		name    string
		path    string // "" if it is refused
	}{
		{"/v2/Services", nil, "", "/v2/Services"},
		{"/v2/Services", []string{"login"}, "login", "/v2/Services"},
		{"/v2/Services", []string{""}, "", "/v2/Services"},
		{"/_vcr/login/v2/Services?a=b", nil, "login", "/v2/Services"},
		{"/_vcr/auth/login/v2/Services", nil, "auth/login", "/v2/Services"},
		{"/_vcr/auth/login/2010-04-01/Accounts", nil, "auth/login", "/2010-04-01/Accounts"},
		{"/_vcr/auth%2Flogin/v2/Services", nil, "auth/login", "/v2/Services"},
		{"/_vcr/v2/v2/Services", nil, "v2", "/v2/Services"},
		{"/_vcr/login/other/path", nil, "login", "/other/path"},
		{"/_vcr/login", nil, "login", "/"},
		{"/_vcr/login/", nil, "login", "/"},
		{"/_vcr/login//v2/Services", nil, "login/", "/v2/Services"}, // which is the name of no session
		{"/_vcr/a%20b/v2/Verifications/%2B1%2F2", nil, "a b", "/v2/Verifications/%2B1%2F2"},
		{"/_vcr/login/v2", []string{"login"}, "login", "/v2"},
		{"/_vcrs/login/v2", nil, "", "/_vcrs/login/v2"},
		{"/_vcr/login/v2", []string{"other"}, "", ""},
		{"/v2", []string{"a", "a"}, "", ""},
		{"/_vcr", nil, "", ""},
		{"/_vcr/", nil, "", ""},
		{"/_vcr//v2", nil, "", ""},
	} {
		u, err := url.ParseRequestURI(c.target)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Method: "POST", URL: u, Header: http.Header{}}
		if c.headers != nil {
			r.Header["X-Vcr-Cassette"] = c.headers
		}
		out, why := withSession(r)
		if (why == nil) != (c.path != "") {
			t.Errorf("%s %v: %v", c.target, c.headers, why)
			continue
		}
		if why != nil {
			continue
		}
		if name, path := cassettes.SessionName(out.Context()), out.URL.EscapedPath(); name != c.name || path != c.path || out.URL.RawQuery != u.RawQuery {
			t.Errorf("%s %v: the session %q, the path %s", c.target, c.headers, name, path)
		}
		if r.URL.Path != u.Path {
			t.Errorf("%s: the request was changed", c.target)
		}
	}
}
