package verify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
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

func TestTheAnswersOfOtherCallsBreakNothing(t *testing.T) {
	const verifications = "/v2/Services/VA1/Verifications"
	for _, c := range []struct {
		method, path string
		status       int
		broken       bool
	}{
		{"POST", verifications, 201, true},
		{"GET", verifications + "/VE1", 200, true},
		{"POST", verifications + "/VE1", 200, true},
		{"POST", "/v2/Services/VA1/VerificationCheck", 200, true},
		{"POST", verifications + "/VE1", 404, false},
		{"GET", verifications, 200, false},
		{"GET", "/v2/Services/VA1", 200, false},
		{"DELETE", "/v2/Services/VA1", 204, false},
		{"POST", "/v2/Services/VA1/Entities/x/Factors", 201, false},
		{"GET", "/2010/Accounts", 200, false},
	} {
		for _, body := range []string{"", `{"status": "unverified"}`} {
			if got := AnswerBreaches(c.method, c.path, c.status, body); (len(got) > 0) != c.broken {
				t.Errorf("%s %s, answered with %d %q: %q", c.method, c.path, c.status, body, got)
			}
		}
	}
}
