package redact

import (
	"net/http"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// right fails the test unless the rules could be added.
func right(t *testing.T, rules ...error) {
	t.Helper()
	for _, err := range rules {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOwnRulesRedactWhatTheTableDoesNotKnow(t *testing.T) {
	p := &Policy{}
	right(t, p.AddHeader("x-tenant"), p.AddField("CustomerRef"), p.AddJSON("$.links[*].owner"), p.AddPattern(`cust-\d+`, "cust-0"), p.AddPattern(`(room) \d+`, "$1 0"))
	it := recorded(t, p, "POST "+service+"/x/cust-77?customer_ref=ab&q=cust-12", formMedia, "CustomerRef=4711-x&Note=cust-1234", `{"links": [{"owner": "jane"}], "owner": "joe", "customer_ref": "xy", "note": "in room 17, cust-99"}`)
	it.Request.Headers.Set("X-Tenant", "acme-corporation")
	it.Response.Body = strings.Replace(it.Response.Body, "joe", "acme-corporation", 1)
	p.Interaction(it)
	if want := "https://verify.twilio.com" + service + "/x/cust-0?customer_ref=redacted&q=cust-0"; it.Request.URL != want {
		t.Errorf("got %s, want %s", it.Request.URL, want)
	}
	if want := "CustomerRef=redacted&Note=cust-0"; it.Request.Body != want {
		t.Errorf("got %s, want %s", it.Request.Body, want)
	}
	if want := `{"links": [{"owner": "redacted"}], "owner": "0000000000000000", "customer_ref": "redacted", "note": "in room 0, cust-0"}`; it.Response.Body != want {
		t.Errorf("got %s, want %s", it.Response.Body, want)
	}
	if got := it.Request.Headers.Get("X-Tenant"); got != Placeholder {
		t.Errorf("the header is %s", got)
	}
}

func TestWhatIsAllowedStaysReadable(t *testing.T) {
	p := &Policy{}
	right(t, p.Allow("to"), p.Allow("Tags"), p.Allow("lookup.carrier"), p.Allow("Verifications"))
	form := `To=%2B15017122661&Tags=%7B%22tenant%22%3A%22acme%22%7D&Payee=Jane`
	answer := `{"to": "+15017122661", "message": "sent to +15017122661, not +4917012345678", "lookup": {"carrier": {"name": "T-Mobile", "secret": "abc"}}, "payee": "Jane"}`
	it := recorded(t, p, "POST "+service+"/Verifications/+15017122661", formMedia, form, answer)
	if want := `To=%2B15017122661&Tags=%7B%22tenant%22%3A%22acme%22%7D&Payee=redacted`; it.Request.Body != want {
		t.Errorf("got %s", it.Request.Body)
	}
	if want := `{"to": "+15017122661", "message": "sent to +15017122661, not +15005550006", "lookup": {"carrier": {"name": "T-Mobile", "secret": "00000000000000000000000000000000"}}, "payee": "redacted"}`; it.Response.Body != want {
		t.Errorf("got %s", it.Response.Body)
	}
	if !strings.HasSuffix(it.Request.URL, "/+15017122661") {
		t.Errorf("got %s", it.Request.URL)
	}
}

func TestARuleThatCanNotWorkIsRefused(t *testing.T) {
	p := &Policy{}
	for _, c := range []struct {
		err  error
		want string
	}{
		{p.AddHeader("X Tenant"), `"X Tenant" is no name of a header`},
		{p.AddHeader("content-type"), "Content-Type says how a body is read"},
		{p.AddField(""), `"" is no name of a field`},
		{p.AddField("a=b"), `"a=b" is no name of a field`},
		{p.AddJSON("$.a[?(@.b)]"), "is no path; write names with dots between them"},
		{p.AddJSON("a..b"), "is no path"},
		{p.AddPattern("s3cr3t(", "x"), "no regular expression: missing closing )"},
		{p.AddPattern("a*", "x"), "finds the empty text too"},
		{p.AddPattern("a", "aa"), "redacting twice would change it twice"},
		{p.Allow("nothing"), `there is no field "nothing"`},
		{p.Allow("Authorization"), "Authorization is a secret (credential), which can't be allowed"},
		{p.Allow("binding.secret"), "binding.secret is a secret"},
		{p.Allow("sna.url"), "sna.url is a secret"},
		{p.Allow("token"), "token is a secret"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || strings.Contains(c.err.Error(), "s3cr3t") {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
}

func TestExplainSaysWhatWasRedactedAndWhere(t *testing.T) {
	it := &cassette.Interaction{
		Request: cassette.Request{
			Method: "POST", URL: "https://u:p@verify.twilio.com" + service + "/Entities/jane?PageToken=PA1&x=" + account, Body: "CustomCode=123456",
			Headers: http.Header{"Content-Type": {formMedia}, "Authorization": {basic(account, token)}, "X-Real-Ip": {"203.0.113.7"}},
		},
		Response: cassette.Response{Body: `{"binding": {"secret": "GEZDGNBVGY3TQOJQ"}, "echo": "123456"}`},
	}
	hits, _ := (&Policy{}).Explain(it)
	var got strings.Builder
	for _, h := range hits {
		got.WriteString(h.Place + ": " + h.What + "\n")
	}
	for _, want := range []string{
		"request header Authorization: credential\n",
		"request header X-Real-Ip: IP address\n",
		"request URL: credential before the host\n",
		"request path: name or free text\n",
		"request query PageToken: opaque token\n",
		"request URL: SID of an account or an API key\n",
		"request form CustomCode: code\n",
		"response JSON $.binding.secret: credential\n",
		"response JSON body: code of this exchange\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("%q is not said in\n%s", want, &got)
		}
	}
	if again, _ := (&Policy{}).Explain(it); len(again) > 0 {
		t.Errorf("a second time it finds %v", again)
	}
}
