package cassettes

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

var update = flag.Bool("update", false, "write the golden files and the built-in example anew")

const (
	exampleService = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	exampleSID     = "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	exampleAccount = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// exampleErrors are the errors of the built-in example. The SID that gives one ends with its code.
var exampleErrors = []verify.Error{
	{Code: 20404, Status: 404}, // its message names the resource
	{Code: 60202, Status: 429, Message: "Max check attempts reached"},
	{Code: 60203, Status: 429, Message: "Max send attempts reached"},
	{Code: 20429, Status: 429, Message: "Too many requests"},
	{Code: 60200, Status: 400, Message: "Invalid parameter"},
	{Code: 20003, Status: 401, Message: "Authenticate"},
}

func exampleInteractions() []*cassette.Interaction {
	all := []*cassette.Interaction{
		exampleUpdate(exampleSID, "approved", 200, exampleVerification("approved", true)),
		exampleUpdate(exampleSID, "canceled", 200, exampleVerification("canceled", false)),
	}
	for _, e := range exampleErrors {
		sid := fmt.Sprintf("VE%032d", e.Code)
		if e.Code == 20404 {
			e.Message = "The requested resource /Services/" + exampleService + "/Verifications/" + sid + " was not found"
		}
		e.MoreInfo = "https://www.twilio.com/docs/errors/" + strconv.Itoa(e.Code)
		for _, status := range []string{"approved", "canceled"} {
			all = append(all, exampleUpdate(sid, status, e.Status, string(e.Body())))
		}
	}
	for i, it := range all {
		it.ID = i
		it.Response.Headers.Set("Twilio-Request-Id", fmt.Sprintf("RQ%032d", i+1))
	}
	return all
}

// exampleVerification is the documented example resource after the update, in the layout of Twilio's JSON.
func exampleVerification(status string, valid bool) string {
	return fmt.Sprintf(`{"sid": "%[1]s", "service_sid": "%[2]s", "account_sid": "%[3]s", "to": "+15005550006", "channel": "sms", `+
		`"status": "%[4]s", "valid": %[5]t, "date_created": "2015-07-30T20:00:00Z", "date_updated": "2015-07-30T20:00:00Z", `+
		`"lookup": {}, "amount": null, "payee": null, "send_code_attempts": [{"time": "2015-07-30T20:00:00Z", "channel": "SMS", `+
		`"attempt_sid": "VLaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}], "sna": null, "url": "https://verify.twilio.com/v2/Services/%[2]s/Verifications/%[1]s"}`,
		exampleSID, exampleService, redact.Pseudonym(exampleAccount), status, valid)
}

func exampleUpdate(sid, status string, code int, body string) *cassette.Interaction {
	form := "Status=" + status
	return &cassette.Interaction{
		Request: cassette.Request{
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			ContentLength: int64(len(form)),
			Host:          verify.Host,
			Body:          form,
			Form:          url.Values{"Status": {status}},
			Headers: http.Header{
				"Accept":        {"application/json"},
				"Authorization": {"Basic " + redact.Placeholder},
				"Content-Type":  {formMedia},
			},
			URL:    "https://" + verify.Host + "/v2/Services/" + exampleService + "/Verifications/" + sid,
			Method: "POST",
		},
		Response: cassette.Response{
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			ContentLength: int64(len(body)),
			Body:          body,
			Headers: http.Header{
				"Content-Length":             {strconv.Itoa(len(body))},
				"Content-Type":               {"application/json"},
				"Twilio-Concurrent-Requests": {"1"},
				"Twilio-Request-Duration":    {"0.119"},
				"X-Api-Domain":               {verify.Host},
				"X-Home-Region":              {"us1"},
			},
			Status:   fmt.Sprintf("%d %s", code, http.StatusText(code)),
			Code:     code,
			Duration: 119 * time.Millisecond,
		},
	}
}

func TestTheBuiltInExampleIsWhatItsTableSays(t *testing.T) {
	var want bytes.Buffer
	want.WriteString(header)
	interactions := exampleInteractions()
	for i, it := range interactions {
		rest, err := encode(it, stockDash)
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString(committed + "\n")
		want.Write(item(stockDash, i, rest, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)))
	}
	want.WriteString(endMark(len(interactions)) + "\n")
	if *update {
		if err := os.WriteFile("example.yaml", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("example.yaml was written")
	}
	if !bytes.Equal(example, want.Bytes()) {
		t.Error("example.yaml differs from its table; run this test with -update")
	}
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notices) > 0 {
		t.Error("notices:", c.Notices)
	}
}

func TestRedactingTheBuiltInExampleChangesNothing(t *testing.T) {
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range c.Interactions {
		before, _ := encode(it, 0)
		(&redact.Policy{}).Interaction(it)
		after, _ := encode(it, 0)
		if !bytes.Equal(before, after) {
			t.Errorf("interaction %d changed from\n%s\nto\n%s", it.ID, before, after)
		}
	}
}
