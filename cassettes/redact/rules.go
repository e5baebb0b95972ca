package redact

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Policy says what is redacted: verify.Fields, and the user's own rules. Its zero value has none of these.
//
// Rules are added before it is used. From then on it is safe for concurrent use; it must not be copied.
type Policy struct {
	cache   cache
	own     []verify.Field
	index   *verify.Index // of own and verify.Fields; nil if own is empty
	headers []string      // verify.PersonalHeaders and those of own; nil if there are none
	regexps []pattern
	allSIDs bool
}

// pattern is a rule of the user's: what expr finds in a value becomes with.
type pattern struct {
	expr *regexp.Regexp
	with string
}

// allowed is the kind of a field that the user's rules leave readable.
const allowed verify.Kind = "left readable"

var defaultIndex = verify.NewIndex(verify.Fields)

func (p *Policy) fields() *verify.Index {
	if p.index != nil {
		return p.index
	}
	return defaultIndex
}

// placed returns the headers that are redacted by their place, but for verify.SecretHeaders.
func (p *Policy) placed() []string {
	if p.headers != nil {
		return p.headers
	}
	return verify.PersonalHeaders
}

func (p *Policy) add(f verify.Field) {
	p.own = append(p.own, f)
	if f.In == verify.InHeader {
		p.headers = append(slices.Clone(p.placed()), f.Name)
	}
	p.index = verify.NewIndex(append(slices.Clone(p.own), verify.Fields...))
}

// AllSIDs makes SIDs of all kinds pseudonyms, not only those of accounts and API keys.
func (p *Policy) AllSIDs() { p.allSIDs = true }

func (p *Policy) hides(sid string) bool { return p.allSIDs || isCredentialSID(sid) }

// AddHeader has a header redacted.
func (p *Policy) AddHeader(name string) error {
	if name == "" || strings.ContainsAny(name, " \t\r\n:") {
		return fmt.Errorf("%q is no name of a header", name)
	}
	name = http.CanonicalHeaderKey(name)
	if slices.Contains([]string{"Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Host"}, name) {
		return fmt.Errorf("%s says how a body is read or where a request goes, and holds no secret", name)
	}
	p.add(verify.Field{Name: name, In: verify.InHeader, Kind: verify.Credential})
	return nil
}

// AddField has the fields with that name redacted, of forms, of queries and of JSON.
func (p *Policy) AddField(name string) error {
	if len(verify.SplitName(name)) == 0 || strings.ContainsAny(name, " \t\r\n=&") {
		return fmt.Errorf("%q is no name of a field", name)
	}
	p.add(verify.Field{Name: name, In: verify.InForm | verify.InQuery | verify.InJSON, Kind: verify.Text})
	return nil
}

var jsonPath = regexp.MustCompile(`^(\$\.?)?[^.\[\]$ ]+(\[(\*|\d+)?\])*(\.[^.\[\]$ ]+(\[(\*|\d+)?\])*)*$`)
var jsonElement = regexp.MustCompile(`\[(\*|\d+)?\]`)

// AddJSON has what stands at a path redacted, in JSON requests and responses: "$.a.b[*].c", or its end, "b.c".
func (p *Policy) AddJSON(path string) error {
	if !jsonPath.MatchString(path) {
		return fmt.Errorf("%q is no path; write names with dots between them, such as $.details.fields[*].value", path)
	}
	name := jsonElement.ReplaceAllString(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), "")
	p.add(verify.Field{Name: name, In: verify.InJSON, Kind: verify.Text})
	return nil
}

// AddPattern has what the regular expression expr finds in a value replaced by with, in which $1 is the first
// group. Source of the syntax: https://pkg.go.dev/regexp/syntax
func (p *Policy) AddPattern(expr, with string) error {
	re, err := regexp.Compile(expr)
	var wrong *syntax.Error
	switch {
	case errors.As(err, &wrong): // what is wrong may be a name, so it is not repeated
		return fmt.Errorf("no regular expression: %s; the syntax is that of https://pkg.go.dev/regexp/syntax", wrong.Code)
	case err != nil:
		return errors.New("no regular expression; the syntax is that of https://pkg.go.dev/regexp/syntax")
	case re.MatchString(""):
		return errors.New("the expression finds the empty text too, so it would be found everywhere")
	case !strings.Contains(with, "$") && re.ReplaceAllString(with, with) != with:
		return errors.New("the expression finds something in its own replacement, so redacting twice would change it twice")
	}
	p.regexps = append(p.regexps, pattern{re, with})
	return nil
}

// Allow leaves the fields with that name readable. Credentials and keys can't be allowed.
func (p *Policy) Allow(name string) error {
	fields := verify.FieldsNamed(name)
	if len(fields) == 0 {
		return fmt.Errorf("there is no field %q that is redacted by its name", name)
	}
	for _, f := range fields {
		if f.Kind == verify.Credential || f.Kind == verify.Token || f.Kind == verify.URL {
			return fmt.Errorf("%s is a secret (%s), which can't be allowed", name, f.Kind)
		}
	}
	everywhere := verify.InHeader | verify.InForm | verify.InQuery | verify.InJSON | verify.InPath
	p.add(verify.Field{Name: name, In: everywhere, Kind: allowed})
	return nil
}

// patterns returns value with what the user's patterns find replaced, and has it looked for elsewhere.
func (f *Found) patterns(value string) string {
	for i, p := range f.policy.regexps {
		with := p.expr.ReplaceAllString(value, p.with)
		if with == value {
			continue
		}
		for _, found := range p.expr.FindAllString(value, -1) {
			if p.expr.ReplaceAllString(found, p.with) != found {
				f.note(verify.Text, found)
			}
		}
		f.hit(named("text"), fmt.Sprintf("what pattern %d of the settings finds", i+1))
		value = with
	}
	return value
}
