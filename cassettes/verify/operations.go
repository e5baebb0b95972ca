package verify

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Operation is one call of the API.
type Operation struct {
	Name   string // Twilio's operationId
	Method string
	Path   string // with {parameters}, each one path segment
}

// operations are the calls around a verification. Anything else is proxied, recorded and replayed
// just the same; these only help to explain a miss.
var operations = []Operation{
	{"UpdateVerification", "POST", "/v2/Services/{ServiceSid}/Verifications/{Sid}"},
	{"FetchVerification", "GET", "/v2/Services/{ServiceSid}/Verifications/{Sid}"},
	{"CreateVerification", "POST", "/v2/Services/{ServiceSid}/Verifications"},
	{"CreateVerificationCheck", "POST", "/v2/Services/{ServiceSid}/VerificationCheck"},
}

// FindOperation returns the operation that answers to method and path, which is not escaped, and the
// values of the path's parameters.
func FindOperation(method, path string) (Operation, map[string]string, bool) {
	segments := strings.Split(path, "/")
	for _, op := range operations {
		if op.Method != method {
			continue
		}
		if params, ok := op.match(segments); ok {
			return op, params, true
		}
	}
	return Operation{}, nil, false
}

func (op Operation) match(segments []string) (map[string]string, bool) {
	template := strings.Split(op.Path, "/")
	if len(template) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, t := range template {
		if name, ok := strings.CutPrefix(t, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = segments[i]
		} else if t != segments[i] {
			return nil, false
		}
	}
	return params, true
}

// UpdateStatuses are what the Status field of Update Verification may be.
var UpdateStatuses = []string{"canceled", "approved"}

var (
	serviceSID      = sidPattern("VA")
	verificationSID = sidPattern("VE")
	phoneNumber     = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`) // E.164
	emailAddress    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

// sidPattern matches the SIDs that begin with prefix.
func sidPattern(prefix string) *regexp.Regexp {
	return regexp.MustCompile("^" + prefix + "[0-9a-fA-F]{32}$")
}

// Breaches returns how a request breaks the API's documented contract, a sentence each, without
// repeating what the request sent. Requests of operations that we do not know break nothing.
//
// Source: UpdateVerification in Twilio's OpenAPI file. The file gives Sid no pattern, and Twilio's own
// samples put the phone number or the e-mail address there, so all three are right.
func Breaches(method, path string, form url.Values) []string {
	op, params, ok := FindOperation(method, path)
	if !ok {
		return nil
	}
	var breaches []string
	if !serviceSID.MatchString(params["ServiceSid"]) {
		breaches = append(breaches, "the ServiceSid in the path is not VA and 32 hexadecimal digits")
	}
	if sid, ok := params["Sid"]; ok && !verificationSID.MatchString(sid) &&
		!phoneNumber.MatchString(sid) && !emailAddress.MatchString(sid) {
		breaches = append(breaches, "the Sid in the path is neither VE and 32 hexadecimal digits, nor a phone number in E.164, nor an e-mail address")
	}
	if op.Name == "UpdateVerification" {
		breaches = append(breaches, statusBreaches(form["Status"])...)
	}
	return breaches
}

func statusBreaches(statuses []string) []string {
	allowed := strings.Join(UpdateStatuses, " or ")
	switch {
	case len(statuses) == 0:
		return []string{fmt.Sprintf("the form field Status is missing; it must be %s", allowed)}
	case !slices.Contains(UpdateStatuses, statuses[0]):
		return []string{fmt.Sprintf("the form field Status must be %s", allowed)}
	}
	return nil
}
