package verify

import (
	"net/url"
	"strings"
	"testing"
)

func TestHowARequestBreaksTheContract(t *testing.T) {
	const va, ve = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	update := "/v2/Services/" + va + "/Verifications/"
	entity := "/v2/Services/" + va + "/Entities/redacted"
	for _, c := range []struct{ method, path, form, want string }{
		{"POST", update + ve, "Status=approved", ""},
		{"POST", update + ve, "Status=canceled", ""},
		{"POST", update + "+15017122661", "Status=canceled", ""},
		{"POST", update + "someone@example.com", "Status=canceled", ""},
		{"POST", update + ve, "Status=pending", "the form field Status must be canceled or approved"},
		{"POST", update + ve, "Status=", "the form field Status must be canceled or approved"},
		{"POST", update + ve, "status=approved", "the form field Status is missing; it must be canceled or approved"},
		{"POST", update + "VEaaa", "Status=approved", "the Sid in the path is neither VE and 32"},
		{"POST", update + "15017122661", "Status=approved", "the Sid in the path is neither VE and 32"},
		{"POST", "/v2/Services/VA1/Verifications/" + ve, "Status=approved", "the ServiceSid in the path is not VA and 32"},
		{"GET", update + "VEaaa", "", "the Sid in the path is neither VE and 32"},
		{"POST", "/v2/Services/VA1/VerificationCheck", "Code=1", "the ServiceSid in the path is not VA and 32"},
		{"POST", "/v2/Services/" + va + "/Verifications", "To=1", "the form field Channel is missing"},
		{"POST", "/v2/Services/" + va + "/Verifications", "To=%2B15005550006&Channel=sms&CustomCode=111111", ""},
		{"POST", "/v2/Services/VA00000000000000000000b288f9282c0f/Verifications", "To=redacted%40example.com&Channel=", ""},
		{"POST", "/v2/Services/" + va + "/VerificationCheck", "", ""},
		{"DELETE", update + "VEaaa", "", ""},
		{"GET", "/v2/Services/VAaaa", "", "the Sid in the path is not VA and 32"},
		{"GET", "/v2/Services/", "", "the Sid in the path is not VA and 32"},
		{"GET", "/v2/Attempts/Summary", "", ""},
		{"GET", "/v2/Attempts/summary", "", "the Sid in the path is not VL and 32"},
		{"DELETE", entity + "/Factors/" + ve, "", "the Sid in the path is not YF and 32"},
		{"POST", entity + "/Challenges/YC1/Notifications", "", "the ChallengeSid in the path is not YC and 32"},
		{"GET", "/v2/Services/" + va + "/RateLimits/unique.name/Buckets/RK1", "", "the Sid in the path is not BL and 32"},
		{"POST", "/v2/Services/" + va + "/RateLimits/unique.name", "", ""},
		{"GET", "/v2/SafeList/Numbers/redacted", "", ""},
		{"POST", entity + "/Factors", "FriendlyName=redacted&FactorType=passkeys", ""},
		{"POST", entity + "/Factors", "FactorType=sms", "the form field FriendlyName is missing; the form field FactorType must be push, totp or passkeys"},
		{"POST", "/v2/Services/" + va + "/AccessTokens", "Identity=redacted", "the form field FactorType is missing; it must be push"},
		{"POST", "/v2/Services/" + va + "/Passkeys/Factors", "", ""},
		{"PUT", "/v2/Services/VA1", "", ""},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(Breaches(c.method, c.path, form), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || strings.Count(got, ";") != strings.Count(c.want, ";") {
			t.Errorf("%s %s %s: got %q, want %q", c.method, c.path, c.form, got, c.want)
		}
	}
}
