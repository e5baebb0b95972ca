package cassettes

import (
	"net/http"
	"testing"
)

func TestAPatternMatchesPathsSegmentBySegment(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v2/Services/*/Verifications", "/v2/Services/VA1/Verifications", true},
		{"/v2/Services/*/Verifications", "/v2/Services/VA1/VerificationCheck", false},
		{"/v2/Services/*/Verifications", "/v2/Services/VA1/Verifications/VE1", false},
		{"/v2/Services/*/Verifications/VE*", "/v2/Services/VA1/Verifications/VE1", true},
		{"/v2/Services/{ServiceSid}/Verifications/{Sid}", "/v2/Services/VA1/Verifications/%2B15005550006", true},
		{"/v2/Services/*", "/v2/Services/a%2Fb", true},
		{"/v2/**", "/v2/Services/VA1/Verifications", true},
		{"/v2/**", "/v2", true},
		{"/v2/**", "/v3/Services", false},
		{"/**/VerificationCheck", "/v2/Services/VA1/VerificationCheck", true},
		{"/**", "/", true},
		{"/**/a/**/b", "/x/a/y/z/b", true},
		{"/**/a/**/b", "/x/y/z/b", false},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(c.path); got != c.want {
			t.Errorf("%s, %s: got %t", c.pattern, c.path, got)
		}
	}
	if !(Pattern{}).Match("/anything") {
		t.Error("the zero pattern does not match")
	}
	for _, wrong := range []string{"", "v2/Services", "/v2/[", "/v2/\\"} {
		if p, err := ParsePattern(wrong); err == nil {
			t.Errorf("%q is taken for %v", wrong, p)
		}
	}
}

func TestACallIsAllowedByItsMethodAndItsPath(t *testing.T) {
	var l Limits
	for _, text := range []string{"GET /v2/**", "* /v2/Services/*/Verifications", " POST  /v2/Services "} {
		r, err := ParseRoute(text)
		must(t, err)
		l.Allow = append(l.Allow, r)
	}
	l.Max = -1
	for call, want := range map[[2]string]bool{
		{"GET", "/v2/Services/VA1"}:                true,
		{"DELETE", "/v2/Services/VA1"}:             false,
		{"POST", "/v2/Services/VA1/Verifications"}: true,
		{"PUT", "/v2/Services/VA1/Verifications"}:  true,
		{"POST", "/v2/Services"}:                   true,
		{"post", "/v2/Services"}:                   false,
		{"GET", "/v3"}:                             false,
	} {
		req, err := http.NewRequest(call[0], "https://verify.twilio.com"+call[1], nil)
		must(t, err)
		if refusal := l.admit(req); (refusal == nil) != want {
			t.Errorf("%v: %v", call, refusal)
		}
	}
}
