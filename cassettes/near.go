package cassettes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// The work of a miss is bounded: so many interactions and bytes of bodies are compared field by field, and so many
// bytes are looked at to choose them.
const (
	maxCompared      = 200
	maxComparedBytes = 2 << 20
	maxSearched      = 32 << 20
)

// nearest completes m with the interaction that is most like r. Nearer than all else is the same method and path,
// then the same call with another SID in its path, then the same path with another method. Anything else is not
// near. Among these, the fewest differences decide.
func (m Match) nearest(miss *Miss, answers []*answer, r *cassette.Request) {
	candidates := newSought(r).candidates(answers)
	compared := affordable(r, mostAlike(r, candidates))
	for _, a := range compared {
		d := m.compare(a.request, r)
		if len(d) == 0 { // such as JSON with two members of one name
			d = []Difference{difference("body", a.request.Body, r.Body)}
		}
		switch {
		case miss.Nearest < 0 || len(d) < len(miss.Differences):
			miss.Nearest, miss.AsNear, miss.Differences = a.it.ID, 0, d
		case len(d) == len(miss.Differences):
			miss.AsNear++
		}
	}
	if miss.Nearest < 0 {
		miss.Reason, miss.Problem = NoSuchPath, "nothing near it is recorded"
		return
	}
	miss.Reason = reasonFor(miss.Differences)
	miss.cut()
	miss.AtLeast = len(compared) < len(candidates) && miss.AsNear == len(compared)-1
}

// sought is the request that something is to be near to.
type sought struct {
	method, path string
	pseudonyms   string // path, with pseudonyms for all its SIDs
	operation    verify.Operation
	known        bool
}

func newSought(r *cassette.Request) *sought {
	path, _ := splitURL(r.URL)
	t := &sought{method: r.Method, path: canonicalPath(path)}
	t.pseudonyms = pseudonyms(t.path)
	t.operation, _, t.known = verify.FindOperation(t.method, t.path)
	return t
}

// candidates returns the interactions that are nearest by method and path.
func (t *sought) candidates(answers []*answer) []*answer {
	var nearest []*answer
	best := 0
	for _, a := range answers {
		closeness := t.closeness(a.request)
		if closeness > best {
			nearest, best = nearest[:0], closeness
		}
		if closeness == best && best > 0 {
			nearest = append(nearest, a)
		}
	}
	return nearest
}

func (t *sought) closeness(recorded *cassette.Request) int {
	path, _ := splitURL(recorded.URL)
	path = canonicalPath(path)
	samePath := path == t.path || path == t.pseudonyms
	switch {
	case samePath && recorded.Method == t.method:
		return 3
	case samePath:
		return 1
	case recorded.Method != t.method:
		return 0
	case t.known && t.operation.Matches(path), !t.known && sameShape(path, t.path):
		return 2
	}
	return 0
}

// sameShape reports whether two paths differ only in segments that are SIDs, numbers or addresses in both.
func sameShape(a, b string) bool {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, "/")
		y, b, _ = strings.Cut(b, "/")
		if x != y && !(isIdentifier(x) && isIdentifier(y)) {
			return false
		}
	}
	return a == b
}

// isIdentifier reports whether a segment is more likely one of many than a word of the API.
func isIdentifier(segment string) bool {
	return len(segment) > 0 && (strings.ContainsAny(segment, "@+") || strings.Trim(segment, "0123456789") == "" ||
		len(segment) >= 16 && strings.ContainsAny(segment, "0123456789"))
}

// mostAlike returns those of candidates whose query and body share most with those of r, maxCompared at most. What
// they share is estimated by the text.
func mostAlike(r *cassette.Request, candidates []*answer) []*answer {
	if len(candidates) <= maxCompared {
		return candidates
	}
	_, query := splitURL(r.URL)
	pieces := strings.FieldsFunc(query+"&"+r.Body, func(c rune) bool { return c == '&' || c == ',' || c == '{' || c == '}' })
	pieces = pieces[:min(len(pieces), 16)]
	searched := 0
	shared := make([][]*answer, len(pieces)+1) // by how many
	for _, a := range candidates {
		n := 0
		if searched += len(a.request.Body) * len(pieces); searched < maxSearched {
			for _, p := range pieces {
				if strings.Contains(a.request.Body, p) || strings.Contains(a.request.URL, p) {
					n++
				}
			}
		}
		if len(shared[n]) < maxCompared {
			shared[n] = append(shared[n], a)
		}
	}
	slices.Reverse(shared)
	all := slices.Concat(shared...)
	return all[:maxCompared]
}

// affordable returns the first of candidates whose bodies are not too long to be compared with that of r, one at least.
func affordable(r *cassette.Request, candidates []*answer) []*answer {
	bytes := 0
	for i, a := range candidates {
		if bytes += len(r.Body) + len(a.request.Body); bytes > maxComparedBytes && i > 0 {
			return candidates[:i]
		}
	}
	return candidates
}

// compare lists what differs between two requests, field by field. With another method nothing else is compared.
func (m Match) compare(recorded, got *cassette.Request) []Difference {
	if recorded.Method != got.Method {
		return []Difference{difference("method", recorded.Method, got.Method)}
	}
	var all []Difference
	recordedPath, recordedQuery := splitURL(recorded.URL)
	gotPath, gotQuery := splitURL(got.URL)
	all = append(all, comparePaths(recorded.Method, canonicalPath(recordedPath), canonicalPath(gotPath))...)
	all = append(all, m.compareFields("query ", parsePairs(recordedQuery), parsePairs(gotQuery))...)
	for _, name := range m.headers {
		if a, b := recorded.Headers[name], got.Headers[name]; !slices.Equal(a, b) {
			all = append(all, Difference{"header " + name, a, b})
		}
	}
	if m.noBody {
		return all
	}
	recordedKind, recordedFields := fields(recorded)
	gotKind, gotFields := fields(got)
	if recordedKind != "" && gotKind != "" && recordedKind != gotKind {
		if a, b := mediaType(recorded.Headers), mediaType(got.Headers); a != b {
			return append(all, difference("Content-Type", a, b))
		}
		return append(all, difference("kind of body", kinds[recordedKind], kinds[gotKind]))
	}
	return append(all, m.compareFields(cmp.Or(gotKind, recordedKind), recordedFields, gotFields)...)
}

// kinds are how messages call the kinds of bodies that fields tells apart.
var kinds = map[string]string{"form ": "a form", "JSON ": "JSON", "body": "neither a form nor JSON"}

// difference is that of two texts, which are not there if they are empty.
func difference(place, recorded, got string) Difference {
	d := Difference{Place: place}
	if recorded != "" {
		d.Recorded = []string{recorded}
	}
	if got != "" {
		d.Got = []string{got}
	}
	return d
}

// comparePaths names the parameters of the operation that differ, or the whole paths.
func comparePaths(method, recorded, got string) []Difference {
	if same(recorded, got) {
		return nil
	}
	op, a, known := verify.FindOperation(method, recorded)
	other, b, _ := verify.FindOperation(method, got)
	if !known || op.Name != other.Name {
		return []Difference{difference("path", recorded, got)}
	}
	var all []Difference
	for _, name := range op.Params() {
		if !same(a[name], b[name]) {
			all = append(all, difference("path "+name, a[name], b[name]))
		}
	}
	return all
}

// same compares two texts as a match key does: a SID and its pseudonym are the same.
func same(a, b string) bool { return a == b || len(a) == len(b) && pseudonyms(a) == pseudonyms(b) }

func pseudonyms(s string) string {
	b := []byte(s)
	redact.Canonical(b)
	return string(b)
}

// form returns the fields of r's form.
func form(r *cassette.Request) url.Values {
	pairs, _ := formPairs(r)
	return group(pairs)
}

// fields returns the kind of r's body, "" if it is empty, and its fields. A body that has none is a field
// of its own.
func fields(r *cassette.Request) (kind string, pairs []pair) {
	if isEmpty(r) {
		return "", nil
	}
	if pairs, ok := formPairs(r); ok {
		return "form ", pairs
	}
	if isJSON(mediaType(r.Headers)) && json.Valid([]byte(r.Body)) {
		return "JSON ", flatten(nil, "$", []byte(r.Body))
	}
	return "body", []pair{{"", r.Body}}
}

// flatten lists the leaves of a JSON value by their paths.
func flatten(pairs []pair, path string, value []byte) []pair {
	var object map[string]json.RawMessage
	var array []json.RawMessage
	value = bytes.TrimSpace(value)
	switch {
	case len(value) > 2 && value[0] == '{' && json.Unmarshal(value, &object) == nil && len(object) > 0:
		for name, v := range object {
			pairs = flatten(pairs, path+"."+name, v)
		}
	case len(value) > 2 && value[0] == '[' && json.Unmarshal(value, &array) == nil && len(array) > 0:
		for i, v := range array {
			pairs = flatten(pairs, fmt.Sprintf("%s[%d]", path, i), v)
		}
	default:
		var text string
		if value[0] == '"' && json.Unmarshal(value, &text) == nil { // however it is escaped
			value, _ = json.Marshal(text)
		}
		pairs = append(pairs, pair{path, string(value)})
	}
	return pairs
}

// compareFields lists the fields that differ, in the order of their names.
func (m Match) compareFields(kind string, recorded, got []pair) []Difference {
	a, b := group(m.pairs(recorded)), group(m.pairs(got))
	var all []Difference
	for _, name := range namesOf(a, b) {
		if !slices.EqualFunc(a[name], b[name], same) {
			all = append(all, Difference{kind + name, a[name], b[name]})
		}
	}
	return all
}

// group returns the values of each name, in their order.
func group(pairs []pair) url.Values {
	values := url.Values{}
	for _, p := range pairs {
		values.Add(p.name, p.value)
	}
	return values
}

// namesOf returns the names that a or b has, sorted.
func namesOf[M ~map[string]V, V any](a, b M) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
