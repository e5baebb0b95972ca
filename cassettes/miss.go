package cassettes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Reason is why nothing on the tape answers a request. Its name is stable.
type Reason string

const (
	EmptyCassette    Reason = "empty-cassette"       // nothing is recorded
	NoSuchPath       Reason = "no-such-path"         // nothing with that path, nor with another SID in it
	OtherMethod      Reason = "other-method"         // the path is recorded, but not with that method
	OtherSID         Reason = "other-sid"            // the call is recorded, with another SID, number or name in its path
	FieldsDiffer     Reason = "fields-differ"        // fields of the form, the query or the JSON
	BodyDiffers      Reason = "body-differs"         // a body that has no fields
	TypeDiffers      Reason = "content-type-differs" // the kind of body
	HeadersDiffer    Reason = "headers-differ"       // headers that match.headers names
	UsedUp           Reason = "used-up"              // it is recorded, and all that was recorded has answered
	NoSession        Reason = "no-session"           // the request names no session, and there is no other cassette
	NoSuchSession    Reason = "no-such-session"      // the session that it names has no cassette
	BadSession       Reason = "bad-session"          // what it names can't be the name of a session
	UnusableCassette Reason = "unusable-cassette"    // the session's cassette can't be read
)

// Reasons are all there are.
var Reasons = []Reason{
	EmptyCassette, NoSuchPath, OtherMethod, OtherSID, FieldsDiffer, BodyDiffers, TypeDiffers, HeadersDiffer, UsedUp,
	NoSession, NoSuchSession, BadSession, UnusableCassette,
}

// Miss says why nothing on a tape answers a request. It holds no secrets.
type Miss struct {
	Reason      Reason       `json:"reason"`
	Cassette    string       `json:"cassette"`              // its file
	Method      string       `json:"method"`                // of the request
	Path        string       `json:"path"`                  // of the request, redacted
	Nearest     int          `json:"nearest"`               // the number of the nearest interaction, or -1
	AsNear      int          `json:"as_near,omitempty"`     // how many others are as near
	AtLeast     bool         `json:"at_least,omitempty"`    // there may be more than AsNear
	Differences []Difference `json:"differences,omitempty"` // between the nearest interaction and the request, maxDifferences at most
	More        int          `json:"more,omitempty"`        // how many differences there are beside these
	Problem     string       `json:"problem,omitempty"`     // what is to be said where there is nothing to compare
	Breaches    []string     `json:"breaches,omitempty"`    // of the API's contract, by the request
	Mend        string       `json:"mend"`                  // what helps
}

// Difference is a part of a request that is not as it was recorded.
type Difference struct {
	Place    string   `json:"place"`    // such as "method", "path Sid", "form Status", "JSON $.a[0]"
	Recorded []string `json:"recorded"` // nil if there was none
	Got      []string `json:"got"`      // nil if there is none
}

// maxTold is how many differences the text of a miss lists, maxDifferences how many there are at most. A value is cut
// to so many bytes in the text, and to so many in all.
const (
	maxTold, maxDifferences = 8, 100
	toldBytes, keptBytes    = 60, 1000
)

// String returns the whole explanation as one sentence.
func (m *Miss) String() string {
	where := "nothing"
	if m.Cassette != "" {
		where += " in " + m.Cassette
	}
	unanswered := fmt.Sprintf("%s answers %s %s (%s): ", where, m.Method, m.Path, m.Reason)
	if m.Nearest < 0 {
		return m.sentence(unanswered + m.Problem)
	}
	var told []string
	for _, d := range m.Differences[:min(len(m.Differences), maxTold)] {
		told = append(told, d.String())
	}
	if more := len(m.Differences) + m.More - maxTold; more > 0 {
		told = append(told, fmt.Sprintf("%d more differences", more))
	}
	return m.sentence(fmt.Sprintf("%snearest is interaction %d%s: %s", unanswered, m.Nearest, m.ties(), strings.Join(told, "; ")))
}

func (m *Miss) sentence(parts ...string) string {
	if len(m.Breaches) > 0 {
		parts = append(parts, "the request breaks Twilio's contract: "+strings.Join(m.Breaches, ", "))
	}
	return strings.Join(append(parts, m.Mend), "; ")
}

func (m *Miss) ties() string {
	switch {
	case m.AtLeast:
		return fmt.Sprintf(" (at least %d others are as near)", m.AsNear)
	case m.AsNear == 1:
		return " (1 other is as near)"
	case m.AsNear > 1:
		return fmt.Sprintf(" (%d others are as near)", m.AsNear)
	}
	return ""
}

// String returns the difference as it is told: form Status: recorded "approved", got "pending".
func (d Difference) String() string {
	recorded, got := "not recorded", "not sent"
	if d.Recorded != nil {
		recorded = "recorded " + d.quote(d.Recorded, d.Got)
	}
	if d.Got != nil {
		got = "got " + d.quote(d.Got, d.Recorded)
	}
	return fmt.Sprintf("%s: %s, %s", d.Place, recorded, got)
}

// quote returns values for a message. Of long ones it shows where they differ from others.
func (d Difference) quote(values, others []string) string {
	var quoted []string
	for i, v := range values {
		other := ""
		if i < len(others) {
			other = others[i]
		}
		if v = excerpt(v, other, toldBytes); !strings.HasPrefix(d.Place, "JSON ") {
			v = strconv.Quote(v)
		}
		quoted = append(quoted, v)
	}
	return strings.Join(quoted, " and ")
}

// quote returns a value for a message, a long one cut.
func quote(value string) string { return strconv.Quote(excerpt(value, "", toldBytes)) }

// excerpt returns at most so many bytes of s, from shortly before it differs from other.
func excerpt(s, other string, length int) string {
	before := length / 3
	if len(s) <= length {
		return s
	}
	same := 0
	for same < len(s) && same < len(other) && s[same] == other[same] {
		same++
	}
	from := 0
	if same > length-before {
		from = min(same-before, len(s)-length)
	}
	cut := strings.ToValidUTF8(s[from:from+length], "")
	if from > 0 {
		cut = "…" + cut
	}
	if from+length < len(s) {
		cut += "…"
	}
	return cut
}

// explain says why nothing answers r, which is redacted.
func (s *Session) explain(r *cassette.Request, key Key) *Miss {
	s.mu.Lock()
	answers := s.answers // only ever appended to
	used := s.tracks[key]
	s.mu.Unlock()

	path, _ := splitURL(r.URL)
	m := &Miss{
		Cassette: s.file, Method: r.Method, Path: path, Nearest: -1,
		Breaches: verify.Breaches(r.Method, canonicalPath(path), form(r)),
	}
	switch {
	case used != nil:
		n := times(len(used.answers))
		m.Reason, m.Problem = UsedUp, fmt.Sprintf("recorded %s, already answered %s", n, n)
	case len(answers) == 0:
		m.Reason, m.Problem = EmptyCassette, "it holds no interactions"
	default:
		s.match.nearest(m, answers, r)
	}
	m.Mend = m.mend()
	return m
}

// cut limits what m takes of memory: bodies are long.
func (m *Miss) cut() {
	if more := len(m.Differences) - maxDifferences; more > 0 {
		m.Differences, m.More = m.Differences[:maxDifferences:maxDifferences], more
	}
	for i := range m.Differences {
		d := &m.Differences[i]
		d.Recorded, d.Got = excerpts(d.Recorded, d.Got), excerpts(d.Got, d.Recorded)
	}
}

// excerpts returns at most maxDifferences of values, cut where they differ from others.
func excerpts(values, others []string) []string {
	var all []string
	for i, v := range values[:min(len(values), maxDifferences)] {
		other := ""
		if i < len(others) {
			other = others[i]
		}
		all = append(all, strings.Clone(excerpt(v, other, keptBytes)))
	}
	return all
}

// mend says what helps.
func (m *Miss) mend() string {
	file := m.Cassette
	if file == ExampleName {
		file = "FILE"
	}
	record := fmt.Sprintf("record it with \"twilio-vcr auto --cassette %s\"", file)
	switch {
	case len(m.Breaches) > 0:
		return "correct it, or if the refusal is what you test, " + record
	case m.Reason == UsedUp:
		return "--play last repeats the last answer, --play loop starts again; or call it as often as it was recorded"
	case m.Reason == OtherSID:
		return "call it with the recorded one, or " + record
	case m.Reason == FieldsDiffer:
		return "send what was recorded, name in match.ignore what does not matter, or " + record
	case m.Reason == HeadersDiffer:
		return "send what was recorded, take the header out of match.headers, or " + record
	case m.Reason == TypeDiffers, m.Reason == BodyDiffers:
		return "send what was recorded, set match.body to off, or " + record
	}
	return record + ", or change the request"
}

// reasonFor returns what kind of differences there are. One of method and path counts before one of the rest.
func reasonFor(all []Difference) Reason {
	for _, r := range []struct {
		prefix string
		reason Reason
	}{
		{"method", OtherMethod}, {"path", OtherSID}, {"Content-Type", TypeDiffers}, {"kind of body", TypeDiffers},
		{"form ", FieldsDiffer}, {"query ", FieldsDiffer}, {"JSON ", FieldsDiffer}, {"header ", HeadersDiffer},
	} {
		if slices.ContainsFunc(all, func(d Difference) bool { return strings.HasPrefix(d.Place, r.prefix) }) {
			return r.reason
		}
	}
	return BodyDiffers
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
