package cassettes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// maxCompared bounds the work of a miss: so many interactions are compared field by field.
const maxCompared = 200

// explain says why nothing answers r, which is redacted: what was asked, the nearest interaction, what
// differs, how the request breaks the API's contract, and what helps.
func (s *Session) explain(r *cassette.Request, key Key) string {
	s.mu.Lock()
	answers := s.answers // only ever appended to
	used := s.tracks[key]
	s.mu.Unlock()

	path, _ := splitURL(r.URL)
	parts := []string{fmt.Sprintf("nothing in %s answers %s %s", s.file, r.Method, path)}
	switch near, same, differences := nearest(answers, r); {
	case used != nil:
		n := len(used.answers)
		parts = append(parts, fmt.Sprintf("recorded %s, already answered %s; --play last repeats the last answer, --play loop starts again", times(n), times(n)))
	case near == nil:
		parts = append(parts, "nothing near it is recorded")
	default:
		which := fmt.Sprintf("nearest is interaction %d", near.it.ID)
		switch {
		case same == 1:
			which += " (1 other is as near)"
		case same > 1:
			which += fmt.Sprintf(" (%d others are as near)", same)
		}
		parts = append(parts, which+": "+strings.Join(differences, ", "))
	}
	if breaches := verify.Breaches(r.Method, canonicalPath(path), form(r)); len(breaches) > 0 {
		parts = append(parts, "the request breaks Twilio's contract: "+strings.Join(breaches, ", "))
	} else if used == nil {
		file := s.file
		if file == ExampleName {
			file = "FILE"
		}
		parts = append(parts, fmt.Sprintf("record it with \"twilio-vcr auto --cassette %s\", or change the request", file))
	}
	return strings.Join(parts, "; ")
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// form returns the fields of r's form.
func form(r *cassette.Request) url.Values {
	values := url.Values{}
	pairs, _ := formPairs(r)
	for _, p := range pairs {
		values.Add(p.name, p.value)
	}
	return values
}

// nearest returns the interaction that is most like r, how many others are as near, and what differs.
// Nearer than all else is the same method and path, then another path of the same operation, then the
// same path with another method. Anything else is not near.
func nearest(answers []*answer, r *cassette.Request) (near *answer, same int, differences []string) {
	candidates, best := []*answer(nil), 0
	for _, a := range answers {
		closeness := closeness(a.request, r)
		if closeness > best {
			candidates, best = candidates[:0], closeness
		}
		if closeness == best && best > 0 && len(candidates) < maxCompared {
			candidates = append(candidates, a)
		}
	}
	for _, a := range candidates {
		d := compare(a.request, r)
		switch {
		case near == nil || len(d) < len(differences):
			near, same, differences = a, 0, d
		case len(d) == len(differences):
			same++
		}
	}
	return near, same, differences
}

func closeness(recorded, got *cassette.Request) int {
	recordedPath, _ := splitURL(recorded.URL)
	gotPath, _ := splitURL(got.URL)
	samePath := canonicalPath(recordedPath) == canonicalPath(gotPath)
	switch {
	case samePath && recorded.Method == got.Method:
		return 3
	case samePath:
		return 1
	case recorded.Method != got.Method:
		return 0
	}
	a, _, known := verify.FindOperation(recorded.Method, canonicalPath(recordedPath))
	b, _, _ := verify.FindOperation(got.Method, canonicalPath(gotPath))
	if known && a == b {
		return 2
	}
	return 0
}

// compare lists what differs between two requests, field by field.
func compare(recorded, got *cassette.Request) []string {
	var all []string
	if recorded.Method != got.Method {
		all = append(all, difference("method", recorded.Method, got.Method))
	}
	recordedPath, recordedQuery := splitURL(recorded.URL)
	gotPath, gotQuery := splitURL(got.URL)
	all = append(all, comparePaths(recorded.Method, canonicalPath(recordedPath), canonicalPath(gotPath))...)
	all = append(all, compareFields("query", parsePairs(recordedQuery), parsePairs(gotQuery))...)
	recordedKind, recordedFields := fields(recorded)
	gotKind, gotFields := fields(got)
	if recordedKind != "" && gotKind != "" && recordedKind != gotKind {
		if a, b := mediaType(recorded.Headers), mediaType(got.Headers); a != b {
			return append(all, difference("Content-Type", a, b))
		}
		return append(all, difference("kind of body", recordedKind, gotKind))
	}
	return append(all, compareFields(cmp.Or(gotKind, recordedKind), recordedFields, gotFields)...)
}

// comparePaths names the parameters of the operation that differ, or the whole paths.
func comparePaths(method, recorded, got string) []string {
	if recorded == got {
		return nil
	}
	_, a, known := verify.FindOperation(method, recorded)
	_, b, same := verify.FindOperation(method, got)
	if !known || !same {
		return []string{difference("path", recorded, got)}
	}
	var all []string
	for _, name := range []string{"ServiceSid", "Sid"} {
		if a[name] != b[name] {
			all = append(all, difference("path "+name, a[name], b[name]))
		}
	}
	return all
}

// fields returns the kind of r's body, "" if it is empty, and its fields. A body that has none is a field
// of its own.
func fields(r *cassette.Request) (kind string, pairs []pair) {
	if isEmpty(r) {
		return "", nil
	}
	if pairs, ok := formPairs(r); ok {
		return "form", pairs
	}
	if isJSON(mediaType(r.Headers)) {
		if _, ok := canonicalJSON(r.Body); ok {
			return "JSON", flatten(nil, "$", []byte(r.Body))
		}
	}
	return "body", []pair{{"bytes", r.Body}}
}

// flatten lists the leaves of a JSON value by their paths.
func flatten(pairs []pair, path string, value []byte) []pair {
	var object map[string]json.RawMessage
	var array []json.RawMessage
	value = bytes.TrimSpace(value)
	switch {
	case len(value) > 0 && value[0] == '{' && json.Unmarshal(value, &object) == nil:
		for name, v := range object {
			pairs = flatten(pairs, path+"."+name, v)
		}
	case len(value) > 0 && value[0] == '[' && json.Unmarshal(value, &array) == nil:
		for i, v := range array {
			pairs = flatten(pairs, fmt.Sprintf("%s[%d]", path, i), v)
		}
	default:
		pairs = append(pairs, pair{path, string(value)})
	}
	return pairs
}

// compareFields lists the fields that differ, in the order of their names.
func compareFields(kind string, recorded, got []pair) []string {
	a, b := group(recorded), group(got)
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		switch {
		case slices.Equal(a[name], b[name]):
		case a[name] == nil:
			all = append(all, fmt.Sprintf("%s %s: not recorded, got %s", kind, name, quote(b[name]...)))
		case b[name] == nil:
			all = append(all, fmt.Sprintf("%s %s: recorded %s, not sent", kind, name, quote(a[name]...)))
		default:
			all = append(all, fmt.Sprintf("%s %s: recorded %s, got %s", kind, name, quote(a[name]...), quote(b[name]...)))
		}
	}
	return all
}

func group(pairs []pair) map[string][]string {
	values := map[string][]string{}
	for _, p := range pairs {
		values[p.name] = append(values[p.name], p.value)
	}
	return values
}

func difference(what, recorded, got string) string {
	return fmt.Sprintf("%s: recorded %s, got %s", what, quote(recorded), quote(got))
}

// quote returns values for a message, long ones cut.
func quote(values ...string) string {
	var quoted []string
	for _, v := range values {
		if len(v) > 60 {
			v = strings.ToValidUTF8(v[:60], "") + "…"
		}
		quoted = append(quoted, fmt.Sprintf("%q", v))
	}
	return strings.Join(quoted, " and ")
}
