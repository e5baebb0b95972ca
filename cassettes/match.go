package cassettes

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Match says what makes two requests the same one, beside method and path. Its zero value compares query and body,
// and no headers.
//
// It is set up before it is used; from then on it is safe for concurrent use.
type Match struct {
	headers []string // in canonical form, sorted
	ignored []string // dotted names, folded; those that are whole JSON paths begin with "$."
	noBody  bool
}

// AddHeader has a header compared. A header that is redacted on the tape can't be.
func (m *Match) AddHeader(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !isToken(name):
		return fmt.Errorf("%q is no name of a header", name)
	case slices.Contains(verify.SecretHeaders, canonical):
		return fmt.Errorf("%s is redacted on the tape, so it tells no requests apart", canonical)
	case canonical == "Host" || canonical == "Content-Length" || strings.HasPrefix(canonical, "X-Vcr-"):
		return fmt.Errorf("%s is not that of a recorded call, so it tells no requests apart", canonical)
	}
	if !slices.Contains(m.headers, canonical) {
		m.headers = append(m.headers, canonical)
		slices.Sort(m.headers)
	}
	return nil
}

// ignorable is a name with dots, or a path of JSON as that of redact.Policy.AddJSON.
var ignorable = regexp.MustCompile(`^(\$\.)?[^.\[\]$\s=&]+(\[(\*|\d+)?\])*(\.[^.\[\]$\s=&]+(\[(\*|\d+)?\])*)*$`)
var element = regexp.MustCompile(`\[(\*|\d+)?\]`)

// Ignore leaves a field out of the comparison: "Tags" is a field of forms, of queries and of JSON, at any depth;
// "meta.id" is the end of a path; "$.meta.id" is a whole path of JSON. Case, "_" and "-" do not count.
func (m *Match) Ignore(field string) error {
	if !ignorable.MatchString(field) {
		return fmt.Errorf("%q is neither the name of a field nor a path of JSON; write Tags, or $.meta.id", field)
	}
	name := element.ReplaceAllString(field, "")
	path, whole := strings.CutPrefix(name, "$.")
	parts := verify.SplitName(path)
	if len(parts) == 0 {
		return fmt.Errorf("%q names no field", field)
	}
	folded := strings.Join(parts, ".")
	if whole {
		folded = "$." + folded
	}
	m.ignored = append(m.ignored, folded)
	return nil
}

// SetBody says whether the body is compared: "on" or "off".
func (m *Match) SetBody(value string) error {
	switch value {
	case "on":
		m.noBody = false
	case "off":
		m.noBody = true
	default:
		return errors.New("the body is compared (on) or not (off)")
	}
	return nil
}

// ignores reports whether the field with the dotted name is left out. The names of JSON begin with "$.".
func (m Match) ignores(name string) bool {
	if len(m.ignored) == 0 {
		return false
	}
	path, isJSON := strings.CutPrefix(name, "$.")
	folded := strings.Join(verify.SplitName(element.ReplaceAllString(path, "")), ".")
	return slices.ContainsFunc(m.ignored, func(rule string) bool {
		if whole, ok := strings.CutPrefix(rule, "$."); ok {
			return isJSON && folded == whole
		}
		return folded == rule || strings.HasSuffix(folded, "."+rule)
	})
}

// pairs returns those that are compared.
func (m Match) pairs(all []pair) []pair {
	if len(m.ignored) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(p pair) bool { return m.ignores(p.name) })
}

// redacted redacts r in place, but for what no comparison needs, and returns its key and what was found in it.
func (m Match) redacted(policy *redact.Policy, r *cassette.Request) (Key, *redact.Found) {
	r.Form = bodyForm(r)
	found := policy.Request(r, m.headers...)
	return m.Key(r), found
}

// unredacted returns the key of a request that policy has not redacted yet, which is left alone.
func (m Match) unredacted(policy *redact.Policy, r cassette.Request) Key {
	key, _ := m.redacted(policy, &r)
	return key
}
