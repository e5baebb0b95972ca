package proxy

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	names := append(slices.Clone(r.Header[cassettes.SessionHeader]), name)
	if t := tunnelOf(r.Context()); t != nil {
		names = append(names, t.session)
	} else if r.URL.IsAbs() {
		names = append(names, proxyUser(r))
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	if len(slices.Compact(slices.Clone(names))) > 1 || len(r.Header[cassettes.SessionHeader]) > 1 {
		return nil, verify.Errorf(http.StatusBadRequest, "the request names two sessions; name one, by %s, the path or the proxy's user name", cassettes.SessionHeader)
	}
	if len(names) == 0 && !prefixed {
		return r, nil
	}
	out := r
	if len(names) > 0 {
		out = r.WithContext(cassettes.WithSession(r.Context(), names[0]))
	}
	if prefixed {
		u := *r.URL
		u.RawPath = rest
		u.Path, _ = url.PathUnescape(rest) // a part of an escaped path
		out.URL = &u
	}
	return out, nil
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
