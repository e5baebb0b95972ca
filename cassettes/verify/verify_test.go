package verify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestAnErrorHasTwiliosShape(t *testing.T) {
	e := Errorf(501, "nothing answers <%s>", "x")
	want := `{"code":501,"message":"twilio-vcr: nothing answers <x>","more_info":"This answer is twilio-vcr's own, not Twilio's. See its README.","status":501}`
	w := httptest.NewRecorder()
	e.Write(w)
	resp := e.Response(nil)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if w.Body.String() != want || string(body) != want || w.Code != 501 || resp.StatusCode != 501 {
		t.Errorf("got %d %s and %d %s, want %s", w.Code, w.Body, resp.StatusCode, body, want)
	}
	for _, h := range []http.Header{w.Header(), resp.Header} {
		if h.Get("Content-Type") != "application/json" || h.Get("Content-Length") != strconv.Itoa(len(want)) {
			t.Errorf("the headers are %v", h)
		}
	}
}

func TestHowARequestBreaksTheContract(t *testing.T) {
	const va, ve = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	update := "/v2/Services/" + va + "/Verifications/"
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
		{"POST", "/v2/Services/" + va + "/Verifications", "To=1", ""},
		{"DELETE", update + "VEaaa", "", ""},
		{"POST", "/v2/Services/" + va + "/Entities/x/Factors", "", ""},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(Breaches(c.method, c.path, form), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s %s: got %q, want %q", c.method, c.path, c.form, got, c.want)
		}
	}
}
