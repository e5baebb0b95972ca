package cassettes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Of an answer count its status, some headers, and its body: JSON member by member, anything else as a whole.
// What is another in every answer does not count: see volatile and volatileMembers.

// comparedHeaders are those that clients act on. Content-Type's media type counts; of the others only whether
// they are there.
var comparedHeaders = []string{"Content-Type", "Location", "Retry-After", "Link", "Www-Authenticate", "Deprecation", "Sunset"}

// volatileMembers are the members of JSON objects whose values are others in every answer, whatever they are.
var volatileMembers = []string{"duration", "elapsed", "request_id", "trace_id"}

// volatile are the parts of texts that are others in every answer, and what stands for them when two texts are
// compared. A SID keeps its two letters: another kind of SID is another thing.
var volatile = []struct {
	part *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`([A-Z]{2})[0-9a-fA-F]{32}`), "<$1>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?`), "<time>"}, // ISO 8601
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`), "<date>"},
	{regexp.MustCompile(`([A-Z][a-z]{2}, )?\b\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)?( ([A-Z]{1,4}|[+-]\d{4}))?`), "<mail time>"}, // RFC 2822
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`), "<uuid>"},
}

// steady returns text with what stands for its volatile parts.
func steady(text string) string {
	for _, v := range volatile {
		text = v.part.ReplaceAllString(text, v.as)
	}
	return text
}

// sameText reports whether two texts differ in what is volatile only, or are both placeholders.
func sameText(a, b string) bool {
	return a == b || redact.Stands(a) && redact.Stands(b) || steady(a) == steady(b)
}

// drift adds what differs between a recorded answer and the one of now, which are both redacted.
func (l *linter) drift(recorded, now *cassette.Response) {
	if recorded.Code != now.Code {
		l.add(Drift, "response status", fmt.Sprintf("recorded %d, now %d%s", recorded.Code, now.Code, told(now)))
	}
	l.driftOfHeaders(recorded.Headers, now.Headers)
	if recorded.Code/100 == now.Code/100 { // an error has nothing in common with what it takes the place of
		l.driftOfBody(recorded.Body, now.Body)
	}
}

// told returns what an error says, in Twilio's shape, or "".
func told(r *cassette.Response) string {
	var e struct{ Message string }
	if r.Code < 400 || json.Unmarshal([]byte(r.Body), &e) != nil || e.Message == "" {
		return ""
	}
	return ": " + quote(e.Message)
}

func (l *linter) driftOfHeaders(recorded, now http.Header) {
	for _, name := range comparedHeaders {
		place := "response header " + name
		a, b := recorded.Get(name), now.Get(name)
		switch {
		case a == "" && b != "":
			l.add(Drift, place, "new")
		case a != "" && b == "":
			l.add(Drift, place, "missing")
		case name == "Content-Type" && mediaType(recorded) != mediaType(now):
			l.add(Drift, place, changed(mediaType(recorded), mediaType(now)))
		}
	}
}

func (l *linter) driftOfBody(recorded, now string) {
	a, aIsJSON := parseJSON(recorded)
	b, bIsJSON := parseJSON(now)
	switch {
	case aIsJSON && bIsJSON:
		l.driftOfValue("$", "", a, b)
	case aIsJSON || bIsJSON || recorded == "" != (now == ""):
		l.add(Drift, "response body", fmt.Sprintf("recorded %s, now %s", kindOfBody(recorded, aIsJSON), kindOfBody(now, bIsJSON)))
	case !sameText(recorded, now):
		l.add(Drift, "response body", "changed")
	}
}

func kindOfBody(body string, isJSON bool) string {
	switch {
	case body == "":
		return "nothing"
	case isJSON:
		return "JSON"
	}
	return "text that is no JSON"
}

// parseJSON returns a JSON text's value, with numbers as they are written.
func parseJSON(text string) (value any, ok bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return value, d.Decode(&value) == nil
}

// driftOfValue compares what stands at path, in the member of that name, or in a list if it is "".
func (l *linter) driftOfValue(path, name string, recorded, now any) {
	place := "response JSON " + path
	switch a, b := jsonType(recorded), jsonType(now); {
	case a == "null" && b == "null":
		return
	case a == "null" || b == "null": // nearly all of Twilio's fields can be null
		l.note(Drift, place, changed(recorded, now))
		return
	case a != b:
		l.add(Drift, place, fmt.Sprintf("type changed from %s to %s", a, b))
		return
	}
	switch recorded := recorded.(type) {
	case map[string]any:
		l.driftOfObject(path, recorded, now.(map[string]any))
	case []any:
		l.driftOfList(path, recorded, now.([]any))
	default:
		if !slices.Contains(volatileMembers, strings.ToLower(name)) && !sameScalar(recorded, now) {
			l.add(Drift, place, changed(recorded, now))
		}
	}
}

func (l *linter) driftOfObject(path string, recorded, now map[string]any) {
	for _, name := range namesOf(recorded, now) {
		inner := path + member(name)
		a, onTape := recorded[name]
		b, there := now[name]
		switch {
		case !onTape:
			l.add(Drift, "response JSON "+inner, "new: "+jsonType(b))
		case !there:
			l.add(Drift, "response JSON "+inner, "missing: recorded as "+jsonType(a))
		default:
			l.driftOfValue(inner, name, a, b)
		}
	}
}

// driftOfList compares the entries that both lists have; how many there are is a matter of the data.
func (l *linter) driftOfList(path string, recorded, now []any) {
	if len(recorded) != len(now) {
		l.note(Drift, "response JSON "+path, fmt.Sprintf("entries: recorded %d, now %d", len(recorded), len(now)))
	}
	for i := range min(len(recorded), len(now)) {
		l.driftOfValue(fmt.Sprintf("%s[%d]", path, i), "", recorded[i], now[i])
	}
}

var plainName = regexp.MustCompile(`^[\w-]+$`)

// member returns how a path goes on to the member of that name. Upstream chooses names, so an odd one is quoted.
func member(name string) string {
	if plainName.MatchString(name) && len(name) <= 60 {
		return "." + name
	}
	return "[" + quote(name) + "]"
}

func sameScalar(a, b any) bool {
	switch a := a.(type) {
	case string:
		return sameText(a, b.(string))
	case json.Number:
		return sameNumber(a.String(), b.(json.Number).String())
	}
	return a == b
}

// sameNumber reports whether two numbers are written alike, are the same, or are both placeholders.
func sameNumber(a, b string) bool {
	if a == b || redact.Stands(a) && redact.Stands(b) {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return strings.ContainsAny(a+b, ".eE") && errX == nil && errY == nil && x == y // long integers are told apart
}

// jsonType names the type of a value of parseJSON.
func jsonType(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// changed says what a value was and what it is now.
func changed(recorded, now any) string {
	return fmt.Sprintf("recorded %s, now %s", shown(recorded), shown(now))
}

// shown returns a value for a message: a text quoted and cut, of an array or an object only what it is.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return quote(value)
	case bool:
		return strconv.FormatBool(value)
	case json.Number:
		return strings.Trim(quote(value.String()), `"`)
	case []any:
		return "an array"
	}
	return "an object"
}
