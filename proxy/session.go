package proxy

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// sessionPrefix begins the path of a base URL that names a session.
const sessionPrefix = "/_vcr/"

// version is the first segment of the paths of Twilio's APIs: v2, or 2010-04-01.
var version = regexp.MustCompile(`^(v[0-9]+|\d{4}-\d\d-\d\d)$`)

// withSession returns r with the name of its session in its context, and without what named it:
//
//	X-Vcr-Cassette: auth/login
//	/_vcr/auth/login/v2/Services/...   the name ends before the version of the API
//	/_vcr/auth%2Flogin/...             or is one segment
//	http://NAME@127.0.0.1:4010         the user name for the proxy, of a CONNECT or an absolute URL
func withSession(r *http.Request) (*http.Request, *verify.Error) {
	name, rest, prefixed := cutSession(r.URL.EscapedPath())
	if prefixed && name == "" {
		return nil, verify.Errorf(http.StatusBadRequest, "the path names no session after %s; write %sNAME/v2/...", sessionPrefix, sessionPrefix)
	}
	two := len(r.Header[cassettes.SessionHeader]) > 1
	for _, other := range [...]string{r.Header.Get(cassettes.SessionHeader), sessionOfDoor(r)} {
		two = two || name != "" && other != "" && other != name
		name = cmp.Or(name, other)
	}
	if two {
		return nil, verify.Errorf(http.StatusBadRequest, "the request names two sessions; name one, by %s, the path or the proxy's user name", cassettes.SessionHeader)
	}
	if name == "" {
		return r, nil
	}
	out := r.WithContext(cassettes.WithSession(r.Context(), name))
	if prefixed {
		u := *r.URL
		u.RawPath = rest
		u.Path, _ = url.PathUnescape(rest) // a part of an escaped path
		out.URL = &u
	}
	return out, nil
}

// sessionOfDoor returns the session that the proxy's user name gives, of a CONNECT or an absolute URL, or "".
func sessionOfDoor(r *http.Request) string {
	if t := tunnelOf(r.Context()); t != nil {
		return t.session
	}
	if r.URL.IsAbs() {
		return proxyUser(r)
	}
	return ""
}

// cutSession cuts the name of a session off the front of an escaped path, if there is one.
func cutSession(escaped string) (name, rest string, ok bool) {
	after, ok := strings.CutPrefix(escaped, sessionPrefix)
	if !ok {
		return "", escaped, escaped+"/" == sessionPrefix
	}
	segments := strings.Split(after, "/")
	end := 1
	for i, s := range segments[1:] {
		if version.MatchString(s) {
			end = i + 1
			break
		}
	}
	name, err := url.PathUnescape(strings.Join(segments[:end], "/"))
	if err != nil {
		name = ""
	}
	return name, "/" + strings.Join(segments[end:], "/"), true
}
