package verify

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	phoneNumber  = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`) // E.164
	emailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

// sidPattern matches the SIDs that begin with prefix.
func sidPattern(prefix string) *regexp.Regexp {
	return regexp.MustCompile("^" + prefix + "[0-9a-fA-F]{32}$")
}

// identifier is how a member of a collection is addressed in a path.
type identifier struct {
	patterns []*regexp.Regexp // one of them matches
	wrong    string           // what it is if none does
}

func bySID(prefix string) identifier {
	return identifier{[]*regexp.Regexp{sidPattern(prefix)}, "not " + prefix + " and 32 hexadecimal digits"}
}

// identifiers are those of the members of each collection, by the segment of the path before them. Of other
// collections the API says nothing that a pattern could tell.
//
// Source: the patterns of Twilio's OpenAPI file, with two exceptions. It has none for a verification, and Twilio's
// own samples put a phone number or an e-mail address there. It has one for a rate limit, but says that UniqueName
// is "addressable" and can be used as well, so anything may be right.
var identifiers = map[string]identifier{
	"AccessTokens": bySID("YK"),
	"Attempts":     bySID("VL"),
	"Buckets":      bySID("BL"),
	"Challenges":   bySID("YC"),
	"Factors":      bySID("YF"),
	"Services":     bySID("VA"),
	"Webhooks":     bySID("YW"),
	"Verifications": {
		[]*regexp.Regexp{sidPattern("VE"), phoneNumber, emailAddress},
		"neither VE and 32 hexadecimal digits, nor a phone number in E.164, nor an e-mail address",
	},
}

// Breaches returns how a request breaks the API's documented contract, a sentence each, without repeating what
// the request sent. It looks at the identifiers in the path, which is not escaped, and at the required fields of
// the form. Requests of operations that we do not know break nothing.
func Breaches(method, path string, form url.Values) []string {
	op, params, ok := FindOperation(method, path)
	if !ok {
		return nil
	}
	var all []string
	collection := ""
	for segment := range strings.SplitSeq(op.Path, "/") {
		if name, ok := parameter(segment); ok {
			if id, ok := identifiers[collection]; ok && !id.is(params[name]) {
				all = append(all, fmt.Sprintf("the %s in the path is %s", name, id.wrong))
			}
		}
		collection = segment
	}
	for field := range strings.FieldsSeq(op.Form) {
		all = append(all, fieldBreaches(field, form)...)
	}
	return all
}

func (id identifier) is(s string) bool {
	return slices.ContainsFunc(id.patterns, func(p *regexp.Regexp) bool { return p.MatchString(s) })
}

// fieldBreaches returns how form breaks what an operation says of a field: its name, or "Status=canceled|approved".
func fieldBreaches(field string, form url.Values) []string {
	name, choice, limited := strings.Cut(field, "=")
	allowed := strings.Split(choice, "|")
	sent := form[name]
	switch {
	case len(sent) == 0 && limited:
		return []string{fmt.Sprintf("the form field %s is missing; it must be %s", name, either(allowed))}
	case len(sent) == 0:
		return []string{fmt.Sprintf("the form field %s is missing", name)}
	case limited && !slices.Contains(allowed, sent[0]):
		return []string{fmt.Sprintf("the form field %s must be %s", name, either(allowed))}
	}
	return nil
}

// either joins words as people do: "push, totp or passkeys".
func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
