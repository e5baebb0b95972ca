package cassettes

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Limits say which calls may be sent to upstream, of all tapes of a run together. A nil *Limits lets all through.
// It is safe for concurrent use.
type Limits struct {
	Allow []Route // what may be called; nil: everything
	Max   int     // how many calls; negative: any number

	sent atomic.Int64
}

// Route is a call of the API: a method, or "*" for all, and a set of paths.
type Route struct {
	Method string
	Path   Pattern
}

// ParseRoute returns the route that text is: "POST /v2/Services/*/Verifications".
func ParseRoute(text string) (Route, error) {
	method, pattern, _ := strings.Cut(strings.TrimSpace(text), " ")
	if pattern == "" || !isToken(method) {
		return Route{}, fmt.Errorf("%q is no call; write a method and a path, such as \"POST /v2/Services/*/Verifications\", or \"* /v2/**\"", text)
	}
	path, err := ParsePattern(strings.TrimSpace(pattern))
	return Route{method, path}, err
}

// String returns the text of the route.
func (r Route) String() string { return r.Method + " " + r.Path.String() }

// admit counts a call that is about to be sent, or says why it may not be.
func (l *Limits) admit(req *http.Request) *verify.Error {
	if l == nil {
		return nil
	}
	path := req.URL.EscapedPath()
	if l.Allow != nil && !slices.ContainsFunc(l.Allow, func(r Route) bool {
		return (r.Method == "*" || r.Method == req.Method) && r.Path.Match(path)
	}) {
		return verify.Errorf(http.StatusForbidden, "the call was not sent: --allow does not name it, it names %s; add it there, or put the call on the cassette", join(l.Allow))
	}
	if n := l.sent.Add(1); l.Max >= 0 && n > int64(l.Max) {
		return verify.Errorf(http.StatusForbidden, "the call was not sent: %d calls have been, and --max-live-calls allows no more; raise it, or look why the client makes so many", l.Max)
	}
	return nil
}

func join(routes []Route) string {
	var all []string
	for _, r := range routes {
		all = append(all, r.String())
	}
	return strings.Join(all, ", ")
}

// Statuses is a set of HTTP status codes. Its zero value is empty.
type Statuses []string

var statuses = regexp.MustCompile(`^[1-5]([0-9][0-9]|xx)$`)

// ParseStatuses returns the set that text is: "429,5xx".
func ParseStatuses(text string) (Statuses, error) {
	var all Statuses
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		if !statuses.MatchString(part) {
			return nil, fmt.Errorf("%q is no list of statuses; write them like 429,5xx", text)
		}
		all = append(all, part)
	}
	return all, nil
}

// Has reports whether code is in the set.
func (s Statuses) Has(code int) bool {
	return slices.Contains(s, fmt.Sprint(code)) || slices.Contains(s, fmt.Sprint(code/100)+"xx")
}
