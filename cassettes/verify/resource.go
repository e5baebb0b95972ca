package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// property is what the API documents of a member of a resource. Null is always right.
type property struct {
	kind    string               // of JSON: string, boolean, array, object; "" for any
	is      func(value any) bool // nil if the kind is all that is said
	what    string               // how a message calls what is expected
	members map[string]property  // of each object in an array
}

func sid(prefix string) property {
	pattern := sidPattern(prefix)
	return property{kind: "string", what: prefix + " and 32 hexadecimal digits", is: func(v any) bool { return pattern.MatchString(v.(string)) }}
}

func oneOf(values ...string) property {
	return property{kind: "string", what: "one of " + strings.Join(values, ", "), is: func(v any) bool { return slices.Contains(values, strings.ToLower(v.(string))) }}
}

var (
	text     = property{kind: "string", what: "text"}
	boolean  = property{kind: "boolean", what: "true or false"}
	anything = property{}
	dateTime = property{kind: "string", what: "a date and time in ISO 8601", is: func(v any) bool {
		_, err := time.Parse(time.RFC3339, v.(string))
		return err == nil
	}}
	uri = property{kind: "string", what: "a URL", is: func(v any) bool {
		u, err := url.Parse(v.(string))
		return err == nil && u.Scheme != "" && u.Host != ""
	}}
	channel = oneOf("sms", "call", "email", "whatsapp", "sna", "rcs", "rbm", "auto")
)

// verification is the Verification resource. Members that it does not name are right too.
//
// Source: verify.v2.service.verification in Twilio's OpenAPI file, and its description of status. The channels
// rcs and rbm, and capitals in those of attempts, are seen in answers though the file does not list them.
var verification = map[string]property{
	"sid":          sid("VE"),
	"service_sid":  sid("VA"),
	"account_sid":  sid("AC"),
	"to":           text,
	"channel":      channel,
	"status":       oneOf("pending", "approved", "canceled", "max_attempts_reached", "deleted", "failed", "expired"),
	"valid":        boolean,
	"lookup":       anything,
	"amount":       text,
	"payee":        text,
	"date_created": dateTime,
	"date_updated": dateTime,
	"sna":          anything,
	"url":          uri,
	"send_code_attempts": {kind: "array", what: "a list", members: map[string]property{
		"time": dateTime, "channel": channel, "attempt_sid": sid("VL"),
	}},
}

// answeredByIt are the operations whose answer is the Verification resource, or the result of a check, whose members
// of these names are the same.
var answeredByIt = []string{"CreateVerification", "FetchVerification", "UpdateVerification", "CreateVerificationCheck"}

// AnswerBreaches returns how the answer of a call breaks the documented shape of the Verification resource, a
// sentence each that repeats no value. Answers of other calls, and errors, break nothing.
func AnswerBreaches(method, path string, status int, body string) []string {
	op, _, _ := FindOperation(method, path)
	if !slices.Contains(answeredByIt, op.Name) || status < 200 || status > 299 {
		return nil
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(body), &members); err != nil || members == nil {
		return []string{"the answer is no JSON object, so it is no Verification"}
	}
	return breaches("$", members, verification)
}

func breaches(path string, members map[string]any, properties map[string]property) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value, p := members[name], properties[name]
		place := path + "." + name
		switch {
		case value == nil || p.kind == "":
		case kindOf(value) != p.kind:
			all = append(all, fmt.Sprintf("%s must be %s, but it is of the type %s", place, p.what, kindOf(value)))
		case p.is != nil && !p.is(value):
			all = append(all, fmt.Sprintf("%s must be %s", place, p.what))
		case p.members != nil:
			for i, element := range value.([]any) {
				inner, ok := element.(map[string]any)
				if !ok {
					all = append(all, fmt.Sprintf("%s[%d] must be an object", place, i))
					continue
				}
				all = append(all, breaches(fmt.Sprintf("%s[%d]", place, i), inner, p.members)...)
			}
		}
	}
	return all
}

// kindOf names the JSON type of a value that encoding/json has decoded.
func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
