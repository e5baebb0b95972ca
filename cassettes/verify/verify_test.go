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

func TestAStatusErrorIsTwiliosWhereItHasOne(t *testing.T) {
	for status, want := range map[int]string{
		401: `{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}`,
		404: `{"code":20404,"message":"The requested resource was not found","more_info":"https://www.twilio.com/docs/errors/20404","status":404}`,
		429: `{"code":20429,"message":"Too many requests","more_info":"https://www.twilio.com/docs/errors/20429","status":429}`,
		500: `{"code":20500,"message":"Internal Server Error","more_info":"https://www.twilio.com/docs/errors/20500","status":500}`,
		503: `{"code":20503,"message":"Service Unavailable","more_info":"https://www.twilio.com/docs/errors/20503","status":503}`,
		418: `{"code":418,"message":"twilio-vcr: this status was asked for, to see what the client makes of it","more_info":"This answer is twilio-vcr's own, not Twilio's. See its README.","status":418}`,
	} {
		if got := string(StatusError(status).Body()); got != want {
			t.Errorf("%d: got %s, want %s", status, got, want)
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
