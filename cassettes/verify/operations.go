package verify

import "strings"

// Operation is one call of the API. Operations can be compared with ==.
type Operation struct {
	Name   string // Twilio's operationId
	Method string
	Path   string // with {parameters}, each one path segment
	Form   string // the form fields that it can't do without; "Status=canceled|approved" may have these values only
}

// operations are all of Verify, version 2. Any other call is proxied, recorded and replayed just the same; these
// tell which calls are akin, and what a call must have.
//
// Source: Twilio's OpenAPI file. Of a form's fields these are the required ones, with the enumerations of them.
var operations = []Operation{
	{"ListVerificationAttempt", "GET", "/v2/Attempts", ""},
	{"FetchVerificationAttemptsSummary", "GET", "/v2/Attempts/Summary", ""},
	{"FetchVerificationAttempt", "GET", "/v2/Attempts/{Sid}", ""},
	{"FetchForm", "GET", "/v2/Forms/{FormType}", ""},
	{"CreateSafelist", "POST", "/v2/SafeList/Numbers", "PhoneNumber"},
	{"FetchSafelist", "GET", "/v2/SafeList/Numbers/{PhoneNumber}", ""},
	{"DeleteSafelist", "DELETE", "/v2/SafeList/Numbers/{PhoneNumber}", ""},
	{"CreateService", "POST", "/v2/Services", "FriendlyName"},
	{"ListService", "GET", "/v2/Services", ""},
	{"CreateAccessToken", "POST", "/v2/Services/{ServiceSid}/AccessTokens", "Identity FactorType=push"},
	{"FetchAccessToken", "GET", "/v2/Services/{ServiceSid}/AccessTokens/{Sid}", ""},
	{"CreateEntity", "POST", "/v2/Services/{ServiceSid}/Entities", "Identity"},
	{"ListEntity", "GET", "/v2/Services/{ServiceSid}/Entities", ""},
	{"FetchEntity", "GET", "/v2/Services/{ServiceSid}/Entities/{Identity}", ""},
	{"DeleteEntity", "DELETE", "/v2/Services/{ServiceSid}/Entities/{Identity}", ""},
	{"CreateChallenge", "POST", "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges", "FactorSid"},
	{"ListChallenge", "GET", "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges", ""},
	{"CreateNotification", "POST", "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges/{ChallengeSid}/Notifications", ""},
	{"UpdateChallenge", "POST", "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges/{Sid}", ""},
	{"FetchChallenge", "GET", "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges/{Sid}", ""},
	{"CreateNewFactor", "POST", "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors", "FriendlyName FactorType=push|totp|passkeys"},
	{"ListFactor", "GET", "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors", ""},
	{"UpdateFactor", "POST", "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors/{Sid}", ""},
	{"FetchFactor", "GET", "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors/{Sid}", ""},
	{"DeleteFactor", "DELETE", "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors/{Sid}", ""},
	{"CreateMessagingConfiguration", "POST", "/v2/Services/{ServiceSid}/MessagingConfigurations", "Country MessagingServiceSid"},
	{"ListMessagingConfiguration", "GET", "/v2/Services/{ServiceSid}/MessagingConfigurations", ""},
	{"UpdateMessagingConfiguration", "POST", "/v2/Services/{ServiceSid}/MessagingConfigurations/{Country}", "MessagingServiceSid"},
	{"FetchMessagingConfiguration", "GET", "/v2/Services/{ServiceSid}/MessagingConfigurations/{Country}", ""},
	{"DeleteMessagingConfiguration", "DELETE", "/v2/Services/{ServiceSid}/MessagingConfigurations/{Country}", ""},
	{"UpdateChallengePasskeys", "POST", "/v2/Services/{ServiceSid}/Passkeys/ApproveChallenge", ""},
	{"CreateChallengePasskeys", "POST", "/v2/Services/{ServiceSid}/Passkeys/Challenges", ""},
	{"CreateNewFactorPasskey", "POST", "/v2/Services/{ServiceSid}/Passkeys/Factors", ""},
	{"UpdatePasskeysFactor", "POST", "/v2/Services/{ServiceSid}/Passkeys/VerifyFactor", ""},
	{"CreateRateLimit", "POST", "/v2/Services/{ServiceSid}/RateLimits", "UniqueName"},
	{"ListRateLimit", "GET", "/v2/Services/{ServiceSid}/RateLimits", ""},
	{"CreateBucket", "POST", "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets", "Max Interval"},
	{"ListBucket", "GET", "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets", ""},
	{"UpdateBucket", "POST", "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets/{Sid}", ""},
	{"FetchBucket", "GET", "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets/{Sid}", ""},
	{"DeleteBucket", "DELETE", "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets/{Sid}", ""},
	{"UpdateRateLimit", "POST", "/v2/Services/{ServiceSid}/RateLimits/{Sid}", ""},
	{"FetchRateLimit", "GET", "/v2/Services/{ServiceSid}/RateLimits/{Sid}", ""},
	{"DeleteRateLimit", "DELETE", "/v2/Services/{ServiceSid}/RateLimits/{Sid}", ""},
	{"CreateVerificationCheck", "POST", "/v2/Services/{ServiceSid}/VerificationCheck", ""},
	{"CreateVerification", "POST", "/v2/Services/{ServiceSid}/Verifications", "To Channel"},
	{"UpdateVerification", "POST", "/v2/Services/{ServiceSid}/Verifications/{Sid}", "Status=canceled|approved"},
	{"FetchVerification", "GET", "/v2/Services/{ServiceSid}/Verifications/{Sid}", ""},
	{"CreateWebhook", "POST", "/v2/Services/{ServiceSid}/Webhooks", "FriendlyName EventTypes WebhookUrl"},
	{"ListWebhook", "GET", "/v2/Services/{ServiceSid}/Webhooks", ""},
	{"UpdateWebhook", "POST", "/v2/Services/{ServiceSid}/Webhooks/{Sid}", ""},
	{"FetchWebhook", "GET", "/v2/Services/{ServiceSid}/Webhooks/{Sid}", ""},
	{"DeleteWebhook", "DELETE", "/v2/Services/{ServiceSid}/Webhooks/{Sid}", ""},
	{"UpdateService", "POST", "/v2/Services/{Sid}", ""},
	{"FetchService", "GET", "/v2/Services/{Sid}", ""},
	{"DeleteService", "DELETE", "/v2/Services/{Sid}", ""},
	{"ListVerificationTemplate", "GET", "/v2/Templates", ""},
}

// narrower are, by the name of an operation, the paths of those that some of its paths belong to: where one has a
// parameter, the other has a fixed segment.
var narrower = func() map[string][]string {
	all := map[string][]string{}
	for _, op := range operations {
		for _, other := range operations {
			if other != op && other.Method == op.Method && fits(op.Path, other.Path) {
				all[op.Name] = append(all[op.Name], other.Path)
			}
		}
	}
	return all
}()

// FindOperation returns the operation that answers to method and path, which is not escaped, and the values of the
// path's parameters. A fixed segment goes before a parameter: Attempts/Summary is no attempt. A parameter may be
// anything, also nothing.
func FindOperation(method, path string) (Operation, map[string]string, bool) {
	for _, op := range operations {
		if op.Method == method && op.Matches(path) {
			return op, op.values(path), true
		}
	}
	return Operation{}, nil, false
}

// Matches reports whether FindOperation returns op for path and op's method. It allocates nothing: find the
// operation of one request once, and ask it about the paths of many others.
func (op Operation) Matches(path string) bool {
	if !fits(op.Path, path) {
		return false
	}
	for _, other := range narrower[op.Name] {
		if fits(other, path) {
			return false
		}
	}
	return true
}

// fits reports whether path is template with something in the place of each parameter.
func fits(template, path string) bool {
	for {
		fixed, rest, more := strings.Cut(template, "{")
		after, ok := strings.CutPrefix(path, fixed)
		if !ok || !more {
			return ok && after == ""
		}
		_, template, _ = strings.Cut(rest, "}")
		path = after[segmentLen(after):]
	}
}

// segmentLen returns how long the first segment of path is.
func segmentLen(path string) int {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return i
	}
	return len(path)
}

// Params returns the names of the path's parameters in their order, such as ServiceSid and Sid.
func (op Operation) Params() []string {
	var names []string
	for segment := range strings.SplitSeq(op.Path, "/") {
		if name, ok := parameter(segment); ok {
			names = append(names, name)
		}
	}
	return names
}

// values returns the parameters of path, which op matches.
func (op Operation) values(path string) map[string]string {
	values := map[string]string{}
	segments := strings.Split(path, "/")
	for i, segment := range strings.Split(op.Path, "/") {
		if name, ok := parameter(segment); ok {
			values[name] = segments[i]
		}
	}
	return values
}

// parameter returns the name of the parameter that a segment of a template is.
func parameter(segment string) (name string, ok bool) {
	name, ok = strings.CutPrefix(segment, "{")
	return strings.TrimSuffix(name, "}"), ok
}
