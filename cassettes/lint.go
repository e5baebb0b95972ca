package cassettes

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Finding is one thing that is wrong with a cassette. It repeats no value, but for those of Drift, which are
// redacted.
type Finding struct {
	File        string `json:"file"`
	Interaction int    `json:"interaction"` // -1 if it is the file's
	Place       string `json:"place,omitempty"`
	Rule        Rule   `json:"rule"`
	Problem     string `json:"problem"`
	Note        bool   `json:"note,omitempty"` // good to know, and no fault
}

// Rule is what a finding breaks. Its name is stable.
type Rule string

const (
	Unreadable  Rule = "unreadable"  // it can't be loaded, or not be looked into
	CutOff      Rule = "cut-off"     // it is not all that was recorded
	Edited      Rule = "edited"      // it was changed by hand: a note
	Stock       Rule = "stock"       // stock go-vcr would not load it, or would change it
	Unredacted  Rule = "unredacted"  // a credential or a personal value is readable
	Contract    Rule = "contract"    // a request breaks the API's contract
	Shape       Rule = "shape"       // an answer breaks the documented shape of its resource
	Unmatchable Rule = "unmatchable" // no request can ever match it
	Duplicate   Rule = "duplicate"   // another interaction is asked for alike
	Drift       Rule = "drift"       // upstream answers otherwise now
	Unsent      Rule = "unsent"      // it was not compared with upstream: a note
)

// String returns the finding as a line: the file, the interaction, the place, the problem.
func (f Finding) String() string {
	s := f.File + ": "
	if f.Note {
		s = "note: " + s
	}
	if f.Interaction >= 0 {
		s += fmt.Sprintf("interaction %d: ", f.Interaction)
	}
	if f.Place != "" {
		s += f.Place + ": "
	}
	return s + f.Problem
}

// Find returns the cassettes below paths, which are files or folders. In a folder it looks at files whose
// names end in .yaml, except those of hidden folders, and passes over what is no cassette.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fmt.Errorf("look for cassettes: %w", err)
			case d.IsDir() && file != path && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case file == path && !d.IsDir():
				files = append(files, file)
			case !d.IsDir() && strings.HasSuffix(d.Name(), ".yaml") && isCassette(file):
				files = append(files, file)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// isCassette reports whether a file may be one of go-vcr's, also one that is broken.
func isCassette(file string) bool {
	if info, err := os.Stat(file); err == nil && (info.Size() > maxCassette || !info.Mode().IsRegular()) {
		return info.Mode().IsRegular() // Load says how large it is
	}
	data, err := os.ReadFile(file)
	return err != nil || bytes.HasPrefix(data, []byte("interactions:")) || bytes.Contains(data, []byte("\ninteractions:"))
}

// Lint returns what is wrong with the cassette in file: what would be redacted by policy, what breaks the
// API's contract, what stock go-vcr can't read, what nothing can match.
func Lint(file string, policy *redact.Policy) []Finding {
	l := &linter{file: file, policy: policy}
	c, err := Load(file)
	if err != nil {
		l.interaction = -1
		place, problem := l.placeIn(err.Error())
		l.add(Unreadable, place, problem)
		return l.findings
	}
	l.whole(c)
	l.comments()
	l.stock(c)
	for i, it := range c.Interactions {
		l.interaction = i
		l.request(&it.Request, it.Response.Code)
		l.answer(it)
		l.redaction(it)
	}
	l.duplicates(c)
	return l.findings
}

type linter struct {
	file        string
	policy      *redact.Policy
	interaction int
	findings    []Finding
}

func (l *linter) add(rule Rule, place, problem string) {
	l.findings = append(l.findings, Finding{File: l.file, Interaction: l.interaction, Place: place, Rule: rule, Problem: problem})
}

func (l *linter) note(rule Rule, place, problem string) {
	l.add(rule, place, problem)
	l.findings[len(l.findings)-1].Note = true
}

// whole finds what is wrong with the file.
func (l *linter) whole(c *Cassette) {
	l.interaction = -1
	for _, n := range c.Notices {
		place, problem := l.placeIn(n)
		if c.layout.cut() {
			l.add(CutOff, place, problem)
		} else {
			l.note(Edited, place, problem)
		}
	}
}

// placeIn takes apart a sentence that begins with the file, and perhaps the line.
func (l *linter) placeIn(sentence string) (place, problem string) {
	rest := strings.TrimPrefix(sentence, l.file+":")
	if line, problem, ok := strings.Cut(rest, ": "); ok && line != "" && strings.Trim(line, "0123456789") == "" {
		return "line " + line, problem
	}
	return "", strings.TrimPrefix(rest, " ")
}

// comments finds what people should not have written into the file beside its interactions.
func (l *linter) comments() {
	data, err := os.ReadFile(l.file)
	if err != nil {
		l.add(Unreadable, "", err.Error())
		return
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if text := bytes.TrimLeft(text, " "); bytes.HasPrefix(text, []byte("#")) && l.policy.Check(string(text)) != nil {
			l.add(Unredacted, fmt.Sprintf("comment in line %d", line), "a SID, a phone number or an e-mail address is readable")
		}
	}
}

// stock finds what stock go-vcr makes of the file.
func (l *linter) stock(c *Cassette) {
	l.interaction = -1
	name, ok := strings.CutSuffix(l.file, ".yaml")
	if !ok {
		l.note(Stock, "", "stock go-vcr reads only files whose names end in .yaml")
		return
	}
	stock, err := cassette.Load(name)
	if err != nil {
		problem, _ := inWords(err)
		l.add(Stock, "", "stock go-vcr can't load it: "+problem)
		return
	}
	if len(stock.Interactions) != len(c.Interactions) {
		l.add(Stock, "", fmt.Sprintf("stock go-vcr reads %d interactions, but there are %d", len(stock.Interactions), len(c.Interactions)))
		return
	}
	for i, it := range stock.Interactions {
		l.interaction = i
		if place := firstDifference(c.Interactions[i], it); place != "" {
			l.add(Stock, place, "stock go-vcr reads something else")
		}
		if again, err := stockRoundTrip(it); err != nil {
			l.add(Stock, "", "stock go-vcr can't read it again once it has saved the file; keep the file as it is")
		} else if place := firstDifference(it, again); place != "" {
			l.note(Stock, place, "stock go-vcr changes it when it saves the file; keep the file as it is")
		}
	}
}

// stockRoundTrip returns what is left of an interaction that stock go-vcr saves and loads.
func stockRoundTrip(it *cassette.Interaction) (again *cassette.Interaction, err error) {
	text, err := yaml.Marshal(it)
	if err == nil {
		err = yaml.Unmarshal(text, &again)
	}
	return again, err
}

// firstDifference returns the first field in which two interactions differ, such as "response body", or "".
func firstDifference(a, b *cassette.Interaction) string {
	for _, side := range []struct {
		name string
		a, b []field
	}{
		{"request", fieldsOfRequest(&a.Request), fieldsOfRequest(&b.Request)},
		{"response", fieldsOfResponse(&a.Response), fieldsOfResponse(&b.Response)},
	} {
		for i, f := range side.a {
			if !sameValue(f.to, side.b[i].to) {
				return side.name + " " + f.name
			}
		}
	}
	return ""
}

// sameValue compares what two fields point to. No list and an empty one are the same.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case *[]string:
		return slices.Equal(*a, *b.(*[]string))
	case *http.Header:
		return maps.EqualFunc(*a, *b.(*http.Header), slices.Equal)
	case *url.Values:
		return maps.EqualFunc(*a, *b.(*url.Values), slices.Equal)
	}
	return reflect.DeepEqual(a, b)
}

// request finds how a request breaks the API's contract, and why no request can match it.
func (l *linter) request(r *cassette.Request, status int) {
	path, _ := splitURL(r.URL)
	for _, breach := range verify.Breaches(r.Method, canonicalPath(path), form(r)) {
		if status >= 400 {
			l.note(Contract, "request", breach+"; the answer is an error, as it should be")
		} else {
			l.add(Contract, "request", breach+"; yet the answer is no error")
		}
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		l.add(Unmatchable, "request URL", "it is no URL, so no client can ask for it; set request.url right")
	case u.User != nil:
		l.add(Unmatchable, "request URL", "it has a user or a password, which clients send as a header; take them out of request.url")
	case u.Fragment != "" || strings.Contains(r.URL, "#"):
		l.add(Unmatchable, "request URL", "it has a fragment, which no client sends; cut request.url at the #")
	}
	if !isToken(r.Method) {
		l.add(Unmatchable, "request method", "it is no HTTP method; set request.method right")
	}
}

// isToken reports whether s may be a method. Source: RFC 9110, section 9.1.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// answer finds how an answer breaks the shape of its resource.
func (l *linter) answer(it *cassette.Interaction) {
	path, _ := splitURL(it.Request.URL)
	for _, breach := range verify.AnswerBreaches(it.Request.Method, canonicalPath(path), it.Response.Code, it.Response.Body) {
		l.add(Shape, "response JSON", breach)
	}
}

// redaction finds what policy would take out.
func (l *linter) redaction(it *cassette.Interaction) {
	_, hits, err := redacted(it, l.policy)
	for _, h := range hits {
		l.add(Unredacted, h.Place, h.What+" is readable")
	}
	if err != nil {
		l.add(Unreadable, "", err.Error())
	}
}

// duplicates notes which interactions are asked for alike.
func (l *linter) duplicates(c *Cassette) {
	tracks := map[Key][]int{}
	var keys []Key
	for i, it := range c.Interactions {
		key := Match{}.unredacted(l.policy, it.Request)
		if tracks[key] == nil {
			keys = append(keys, key)
		}
		tracks[key] = append(tracks[key], i)
	}
	for _, key := range keys {
		if same := tracks[key]; len(same) > 1 {
			l.interaction = same[0]
			l.note(Duplicate, "request", fmt.Sprintf("%d interactions are asked for alike, the last is %d; they answer in this order, with --play once each once", len(same), same[len(same)-1]))
		}
	}
}
