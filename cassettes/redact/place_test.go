package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

func TestAPlaceholderHasTheKindOfItsValue(t *testing.T) {
	for _, c := range []struct {
		kind        verify.Kind
		value, want string
	}{
		{verify.Address, "+15017122661", "+15005550006"},
		{verify.Address, " 15017122661", " 15005550006"}, // a plus that a form has eaten
		{verify.Address, "+1 (501) 712-2661", "+15005550006"},
		{verify.Address, "whatsapp:+15017122661", "whatsapp:+15005550006"},
		{verify.Address, "jane.doe@corp.example", "redacted@example.com"},
		{verify.Address, "mailto:jane.doe@corp.example", "mailto:redacted@example.com"},
		{verify.Address, "jane", "redacted"},
		{verify.Code, "123456", "111111"},
		{verify.Code, "ab12", "xx11"},
		{verify.Code, "ww1", "xx1"},
		{verify.Code, strings.Repeat("ab", 20), strings.Repeat("0", 32)},    // a signed payload
		{verify.Code, "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl", "0000.0000.0000"}, // another
		{verify.Token, "d6f7e8", strings.Repeat("0", 32)},
		{verify.Token, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", strings.Repeat("A", 32)}, // base32 stays base32
		{verify.Token, "eyJhbGciOi.eyJzdWIi.c2ln", "0000.0000.0000"},
		{verify.IP, "203.0.113.7", "192.0.2.1"},
		{verify.IP, "2001:db8:1::7", "2001:db8::1"},
		{verify.IP, "203.0.113.7, 2001:db8:1::7", "192.0.2.1, 2001:db8::1"},
		{verify.IP, `for="[2001:db8:1::7]";by=203.0.113.7`, `for="[2001:db8::1]";by=192.0.2.1`},
		{verify.IP, "203.0.113.7:4010", "192.0.2.1"},
		{verify.IP, "127.0.0.1:4010", "127.0.0.1:4010"}, // everybody's
		{verify.Money, "€39.99", "€1.00"},
		{verify.Money, "1.234,56 EUR", "1.00 EUR"},
		{verify.Money, "a lot", "redacted"},
		{verify.URL, "https://user:pw@corp.example/hook?key=1", "https://redacted.example.com"},
		{verify.URL, "otpauth://totp/issuer:John?secret=GEZD", "otpauth://redacted.example.com"},
		{verify.Text, "John Doe", "redacted"},
		{verify.Text, "+15017122661", "+15005550006"},
		{verify.Text, "jane@corp.example", "redacted@example.com"},
		{verify.Text, "12345689", "11111111"},
		{verify.Text, "-12.50", "-11.11"},
		{verify.Text, "1990-12-31", "2000-01-01"},
		{verify.Text, "1990-12-31T23:59:59.5Z", "2000-01-01T00:00:00Z"},
		{verify.Text, "203.0.113.7", "192.0.2.1"},
		{verify.Text, "https://corp.example/john", "https://redacted.example.com"},
		{verify.Text, "9b2f0c3e-7d1a-4b56-8c90-1234567890ab", "00000000-0000-0000-0000-000000000000"},
		{verify.Text, "DD6840aec40ad01ebc2001c0330000aa33", Pseudonym("DD6840aec40ad01ebc2001c0330000aa33")},
		{verify.Text, " ", " "},
	} {
		got := replace(c.value, stand(c.kind, c.value))
		if got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.kind, c.value, got, c.want)
		}
		if again := replace(got, stand(c.kind, got)); again != got {
			t.Errorf("%s %q: a placeholder became %q", c.kind, got, again)
		}
	}
}

// recorded returns an exchange, redacted by policy.
func recorded(t *testing.T, policy *Policy, request, media, body, answer string) *cassette.Interaction {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	it := &cassette.Interaction{
		Request: cassette.Request{
			Method: method, URL: "https://verify.twilio.com" + target, Body: body, ContentLength: int64(len(body)),
			Headers: http.Header{"Content-Type": {media}, "Authorization": {basic(account, token)}},
		},
		Response: cassette.Response{Code: 200, Body: answer, Headers: http.Header{"Content-Type": {"application/json"}}},
	}
	if media == formMedia {
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatal(err)
		}
		it.Request.Form = values
	}
	found := policy.Interaction(it)
	text := dump(t, it)
	if err := found.Check(text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	policy.Interaction(it)
	if again := dump(t, it); again != text {
		t.Errorf("a second pass changed\n%s\nto\n%s", text, again)
	}
	return it
}

const service = "/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestAFormKeepsItsOrderItsDuplicatesAndItsEscapes(t *testing.T) {
	for body, want := range map[string]string{
		"To=%2B15017122661&Channel=sms&Status=a&Status=b&CustomCode=482913":                                               "To=%2B15005550006&Channel=sms&Status=a&Status=b&CustomCode=111111",
		"Channel=s%6Ds&To=+15017122661":                                                                                   "Channel=s%6Ds&To=+15005550006", // the client's mistake stays one
		"To=jane%40corp.example&To=joe@corp.example":                                                                      "To=redacted%40example.com&To=redacted@example.com",
		"Payee=Acme%20Inc.&Amount=%E2%82%AC39.99&x":                                                                       "Payee=redacted&Amount=%E2%82%AC1.00&x",
		"Tags=%7B%22tenant%22%3A+%221234%22%2C+%22n%22%3A7%2C+%22ok%22%3Atrue%2C+%22none%22%3Anull%7D":                    "Tags=%7B%22tenant%22%3A+%221111%22%2C+%22n%22%3A1%2C+%22ok%22%3Afalse%2C+%22none%22%3Anull%7D",
		"Details.Fields=%7B%22label%22%3A%22Action%22%7D&Details.Message=Hi+John&Binding.Secret=GEZDGNBVGY3TQOJQGEZDGNBV": "Details.Fields=%7B%22label%22%3A%22redacted%22%7D&Details.Message=redacted&Binding.Secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Whatever=%7B%22identity%22%3A%22jane%22%7D&Note=https%3A%2F%2Fh%2F%3FTo%3D%252B15017122661":                      "Whatever=%7B%22identity%22%3A%22redacted%22%7D&Note=https%3A%2F%2Fh%2F%3FTo%3D%252B15005550006",
		"Tags=%7B%22a%22:%20%22b%22%7D":                                                                                   "Tags=%7B%22a%22:%20%22redacted%22%7D",
		"Status=approved":                                                                                                 "Status=approved",
		"=&&==":                                                                                                           "=&&==",
	} {
		it := recorded(t, &Policy{}, "POST "+service+"/Verifications", formMedia, body, "{}")
		if it.Request.Body != want {
			t.Errorf("%s became\n%s, want\n%s", body, it.Request.Body, want)
		}
		values, err := url.ParseQuery(it.Request.Body)
		if err != nil || url.Values(it.Request.Form).Encode() != values.Encode() {
			t.Errorf("%s: the form says %v, the body %v, %v", body, it.Request.Form, values, err)
		}
		if it.Request.ContentLength != int64(len(want)) {
			t.Errorf("%s: the length is %d, but the body has %d bytes", body, it.Request.ContentLength, len(want))
		}
	}
}

func TestJSONKeepsItsTypesItsOrderAndItsNumbers(t *testing.T) {
	for body, want := range map[string]string{
		`{"b": 1.50, "a": 1e400, "to": "+15017122661", "a": 12345678901234567890, "payee": null}`:                  `{"b": 1.50, "a": 1e400, "to": "+15005550006", "a": 12345678901234567890, "payee": null}`,
		`{"metadata":{"age":42,"weight":71.50,"vip":true,"no":null,"tags":["a",["b"]]},"max":5}`:                   `{"metadata":{"age":11,"weight":11.11,"vip":false,"no":null,"tags":["redacted",["redacted"]]},"max":5}`,
		`{"amount": 39.99, "code": 60200, "status": 400}`:                                                          `{"amount": 1.00, "code": 60200, "status": 400}`,
		`{"lookup":{"carrier":{"name":"T-Mobile","type":"mobile","error_code":null,"mobile_network_code":"180"}}}`: `{"lookup":{"carrier":{"name":"redacted","type":"mobile","error_code":null,"mobile_network_code":"111"}}}`,
		`{"url":"https:\/\/verify.twilio.com\/v2\/Services\/VA\/Entities\/jane\/Factors","caf\u00e9":"\u00e9"}`:    `{"url":"https://verify.twilio.com/v2/Services/VA/Entities/redacted/Factors","caf\u00e9":"\u00e9"}`,
		`{"meta":{"next_page_url":"https://verify.twilio.com/v2/Services?PageSize=50&Page=1&PageToken=PAVA1234"}}`: `{"meta":{"next_page_url":"https://verify.twilio.com/v2/Services?PageSize=50&Page=1&PageToken=00000000000000000000000000000000"}}`,
		"{\"code\": 60200, \"message\": \"Invalid parameter `To`: jane\", \"status\": 400}":                        "{\"code\": 60200, \"message\": \"Invalid parameter `To`: redacted\", \"status\": 400}",
		`{"message": "The requested resource /Services/VA1/Entities/bob/Factors was not found"}`:                   `{"message": "The requested resource /Services/VA1/Entities/redacted/Factors was not found"}`,
		`{"next": "/v2/Services/VA1/Entities/bob?PageToken=PA1", "x": "1/2 a/b //c"}`:                              `{"next": "/v2/Services/VA1/Entities/redacted?PageToken=00000000000000000000000000000000", "x": "1/2 a/b //c"}`,
		`{"message": "Invalid parameter: +190212345"}`:                                                             `{"message": "Invalid parameter: +15005550006"}`,
		`{"friendly_name": "My Service", "sid": "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`:                             `{"friendly_name": "My Service", "sid": "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`,
		`{"factors": [{"friendly_name": "John's phone", "identity": "jane"}]}`:                                     `{"factors": [{"friendly_name": "redacted", "identity": "redacted"}]}`,
		`{"echo": "{\"token\": \"abc\"}"}`:                                                                         `{"echo": "{\"token\": \"00000000000000000000000000000000\"}"}`,
		`[{"Code": "1234"}]`:                                                                                       `[{"Code": "1234"}]`, // in an answer it is an error's number
		`{"to": "+15017122661"`:                                                                                    `{"to": "+15005550006"`,
		`{"identity": jane}`:                                                                                       `{"identity": false}`,
	} {
		it := recorded(t, &Policy{}, "GET "+service, "", "", body)
		if it.Response.Body != want {
			t.Errorf("%s became\n%s, want\n%s", body, it.Response.Body, want)
		}
		if json.Valid([]byte(body)) && !json.Valid([]byte(it.Response.Body)) {
			t.Errorf("%s is no JSON any more: %s", body, it.Response.Body)
		}
	}
}

func TestPathsAndQueries(t *testing.T) {
	for target, want := range map[string]string{
		service + "/Verifications/+15017122661":                                  service + "/Verifications/+15005550006",
		service + "/Verifications/%2B15017122661":                                service + "/Verifications/%2B15005550006",
		service + "/Verifications/jane@corp.example":                             service + "/Verifications/redacted@example.com",
		service + "/Verifications/jane%40corp.example":                           service + "/Verifications/redacted%40example.com",
		service + "/Verifications/VE0123456789abcdef0123456789abcdef":            service + "/Verifications/VE0123456789abcdef0123456789abcdef",
		service + "/Verifications/VE12":                                          service + "/Verifications/VE12",
		service + "/Verifications":                                               service + "/Verifications",
		service + "/Entities/jane/Factors/YF0123456789abcdef0123456789abcdef":    service + "/Entities/redacted/Factors/YF0123456789abcdef0123456789abcdef",
		service + "/Entities/jane%20doe?x=1":                                     service + "/Entities/redacted?x=1",
		"/v2/SafeList/Numbers/+18001234567":                                      "/v2/SafeList/Numbers/+15005550006",
		"/v2/Attempts?ChannelData.To=%2B15017122661&Channel=sms&PageToken=PA1&p": "/v2/Attempts?ChannelData.To=%2B15005550006&Channel=sms&PageToken=00000000000000000000000000000000&p",
		"/v2/Attempts?;a=%zz&To=x":                                               "/v2/Attempts?;a=%zz&To=redacted",
		"/v2/Services#access_token=abc":                                          "/v2/Services#access_token=00000000000000000000000000000000",
	} {
		it := recorded(t, &Policy{}, "GET "+target, "", "", "{}")
		if got := strings.TrimPrefix(it.Request.URL, "https://verify.twilio.com"); got != want {
			t.Errorf("%s became\n%s, want\n%s", target, got, want)
		}
	}
	it := &cassette.Interaction{Request: cassette.Request{URL: "https://AC1:s3cr3tt0ken@verify.twilio.com/v2?x=s3cr3tt0ken", RequestURI: "/v2/Services/VA/Entities/jane?u=http://h", RemoteAddr: "203.0.113.7:1234"}}
	(&Policy{}).Interaction(it)
	if r := it.Request; r.URL != "https://REDACTED:REDACTED@verify.twilio.com/v2?x=00000000000" || r.RequestURI != "/v2/Services/VA/Entities/redacted?u=http://h" || strings.Contains(r.RemoteAddr, "203.0") {
		t.Errorf("got %s, %s, %s", r.URL, r.RequestURI, r.RemoteAddr)
	}
}

func TestAValueIsRedactedWhereverElseItStands(t *testing.T) {
	form := "To=%2B15017122661&CustomCode=48291357&Payee=Jane+Doe-Smith&DeviceIp=203.0.113.7"
	answer := `{"message": "sent 48291357 to 15017122661 for Jane Doe-Smith at 203.0.113.7", "Jane Doe-Smith": 48291357, "Jane+Doe-Smith": "NDgyOTEzNTc=", "status": "approved"}`
	want := `{"message": "sent 11111111 to 15005550006 for redacted at 192.0.2.1", "redacted": 11111111, "redacted": "00000000000=", "status": "approved"}`
	it := recorded(t, &Policy{}, "POST "+service+"/Verifications", formMedia, form, answer)
	if it.Response.Body != want {
		t.Errorf("got\n%s, want\n%s", it.Response.Body, want)
	}
}

func TestWhatStandsElsewhereKeepsItsSurroundings(t *testing.T) {
	glued := "x" + base64.StdEncoding.EncodeToString([]byte("ab48291357cd"))
	for _, c := range []struct{ form, answer, want string }{
		// A placeholder has no value of another field in it, and a plain word is no part of another.
		{"Identity=example&To=jane%40corp.example", `{"to": "jane@corp.example", "note": "an example"}`, `{"to": "redacted@example.com", "note": "an example"}`},
		{"Identity=friendly", `{"friendly_name": "unfriendly", "note": "a friendly man"}`, `{"friendly_name": "unfriendly", "note": "a redacted man"}`},
		// Base64 may begin anywhere, also in a path.
		{"CustomCode=48291357", `{"note": "` + glued + `"}`, `{"note": "00000000000000000"}`},
		{"CustomCode=482913", `{"note": "/v2/NDgyOTEz/x"}`, `{"note": "/v2/00000000/x"}`},
		{"Status=x", `{"note": "call +15017122661 000"}`, `{"note": "call +15005550006 000"}`},
		{"Status=x", `{"note": "token=abc&Code=1234"}`, `{"note": "token=00000000000000000000000000000000&Code=1111"}`},
		{"Status=x", `{"message": {"to": "+15017122661", "x": "y"}}`, `{"message": {"to": "+15005550006", "x": "y"}}`},
		{"Status=x", `{"note": "\nfoo@bar.example"}`, `{"note": "\nredacted@example.com"}`},
	} {
		it := recorded(t, &Policy{}, "POST "+service+"/Verifications", formMedia, c.form, c.answer)
		if it.Response.Body != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.form, it.Response.Body, c.want)
		}
	}
}

func TestJSONStaysJSONWhateverTheCredentialIs(t *testing.T) {
	for password, c := range map[string]struct{ answer, want string }{
		"1e55":         {`{"n": 1e55}`, `{"n": 1e11}`},
		"u0041bcd1234": {`{"n": "\u0041bcd1234"}`, `{"n": "redacted"}`},
		`","x":"`:      {`{"n":"a","x":"b"}`, `{"n":"a","x":"b"}`},
	} {
		it := exchange(basic(account, password), "")
		it.Response.Body = c.answer
		(&Policy{}).Interaction(it)
		if it.Response.Body != c.want {
			t.Errorf("%s: got %s, want %s", password, it.Response.Body, c.want)
		}
	}
}

func TestALengthIsNotTakenForACode(t *testing.T) {
	it := exchange(basic(account, token), "")
	it.Request.Body = "CustomCode=1000"
	it.Request.Headers.Set("Content-Type", formMedia)
	it.Response.Headers.Set("Content-Length", "1000")
	it.Response.ContentLength = 1000 // of the answer to a HEAD request, say
	(&Policy{}).Interaction(it)
	if it.Response.Headers.Get("Content-Length") != "1000" || it.Response.ContentLength != 1000 || it.Request.Body != "CustomCode=1111" {
		t.Errorf("got %s, the length is %v, %d", it.Request.Body, it.Response.Headers, it.Response.ContentLength)
	}
}

// A match key is made of what Request leaves, a tape holds what Interaction leaves: they must be the same, also
// when the policy has seen the request before.
func TestARequestIsRedactedAlikeForTheTapeAndForTheLookup(t *testing.T) {
	ruled := &Policy{}
	right(t, ruled.AddHeader("X-Tenant"), ruled.Allow("Verifications"), ruled.AddPattern(`cust-\d+`, "cust-0"))
	all := &Policy{}
	all.AllSIDs()
	for name, policy := range map[string]*Policy{"default": {}, "ruled": ruled, "all": all} {
		for _, c := range []struct{ target, media, body string }{
			{service + "/Verifications/VE0123456789abcdef0123456789abcdef", formMedia, "Status=approved"},
			{service + "/Verifications/+15017122661", formMedia, "Status=approved&Note=%2B15017122661"},
			{service + "/Entities/jane-doe-17/x?y=jane-doe-17", formMedia, "Note=jane-doe-17&Tenant=acme-corporation&Ip=203.0.113.7"},
			{service + "/x/cust-17?Code=123456", "application/json", `{"note": "cust-18", "x": "123456 +4917512345678"}`},
			{service + "/x/NDgyOTEzNTc", formMedia, "CustomCode=48291357"},
			{service + "/" + account, "text/plain", "hello " + token + " " + account},
		} {
			headers := http.Header{"Content-Type": {c.media}, "Authorization": {basic(account, token)}, "X-Tenant": {"acme-corporation"}, "X-Forwarded-For": {"203.0.113.7"}}
			it := &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "https://verify.twilio.com" + c.target, Body: c.body, Headers: headers.Clone()}}
			policy.Interaction(it)
			for range 2 {
				asked := &cassette.Request{Method: "POST", URL: "https://verify.twilio.com" + c.target, Body: c.body, Headers: headers}
				found := policy.Request(asked)
				if asked.URL != it.Request.URL || asked.Body != it.Request.Body {
					t.Errorf("%s: a lookup has\n%s %s, the tape has\n%s %s", name, asked.URL, asked.Body, it.Request.URL, it.Request.Body)
				}
				va := "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				if got := found.Restore(Pseudonym(va)); got != va {
					t.Errorf("%s: the caller's own SID is %s", name, got)
				}
			}
		}
	}
}

func TestAWordOfTheAPIIsNotTakenForSomebodysName(t *testing.T) {
	body := url.Values{"Metadata": {`{"os": "approved", "via": "sms", "kind": "friendly_name", "n": 2015}`}, "Identity": {"status"}}.Encode()
	answer := `{"status": "approved", "channel": "sms", "friendly_name": "x", "date_created": "2015-07-30T20:00:00Z"}`
	it := recorded(t, &Policy{}, "POST "+service+"/Verifications", formMedia, body, answer)
	if it.Response.Body != answer {
		t.Errorf("got %s", it.Response.Body)
	}
}

func TestCompactAndSpacedJSONInAFormAreTheSameStory(t *testing.T) {
	for _, metadata := range []string{`{"os":"Android","n":[1,2]}`, `{"os": "Android", "n": [1, 2]}`} {
		it := recorded(t, &Policy{}, "POST "+service+"/Entities/jane/Factors", formMedia, url.Values{"Metadata": {metadata}}.Encode(), `{"metadata":{"os":"Android","n":[1,2]}}`)
		if want := `{"metadata":{"os":"redacted","n":[1,1]}}`; it.Response.Body != want {
			t.Errorf("got %s, want %s", it.Response.Body, want)
		}
	}
}

func TestPasskeysAndLists(t *testing.T) {
	request := `{"friendly_name":"Jane","identity":"jane","config":{"relying_party":{"id":"example.com","name":"Example"}}}`
	answer := `{"options":{"publicKey":{"rp":{"id":"example.com","name":"Example"},"user":{"id":"WUU0ZmQz","name":"Jane","displayName":"J"},"challenge":"WUYwNDhk","timeout":600000}}}`
	it := recorded(t, &Policy{}, "POST "+service+"/Passkeys/Factors", "application/json", request, answer)
	if want := `{"friendly_name":"redacted","identity":"redacted","config":{"relying_party":{"id":"example.com","name":"Example"}}}`; it.Request.Body != want {
		t.Errorf("got %s", it.Request.Body)
	}
	if want := `{"options":{"publicKey":{"rp":{"id":"example.com","name":"Example"},"user":{"id":"00000000000000000000000000000000","name":"redacted","displayName":"redacted"},"challenge":"00000000000000000000000000000000","timeout":600000}}}`; it.Response.Body != want {
		t.Errorf("got %s", it.Response.Body)
	}
}

func TestHeadersMayBeWrittenInAnyCase(t *testing.T) {
	it := exchange(basic(account, token), "")
	it.Request.Headers = http.Header{"authorization": {basic(account, token)}, "x-real-ip": {"203.0.113.7"}}
	it.Response.Body = `{"note": "` + token + `"}`
	(&Policy{}).Interaction(it)
	headers := map[string][]string(it.Request.Headers)
	if headers["authorization"][0] != "Basic REDACTED" || headers["x-real-ip"][0] != "192.0.2.1" || strings.Contains(it.Response.Body, token) {
		t.Errorf("got %v, %s", it.Request.Headers, it.Response.Body)
	}
}

func TestMultipartFormsAreRead(t *testing.T) {
	body := "--b\r\nContent-Disposition: form-data; name=\"Code\"\r\n\r\n123456\r\n--b\r\nContent-Disposition: form-data; name=Channel\r\n\r\nsms\r\n--b--\r\n"
	it := recorded(t, &Policy{}, "POST "+service, "multipart/form-data; boundary=b", body, "{}")
	if want := strings.Replace(body, "123456", "111111", 1); it.Request.Body != want {
		t.Errorf("got %q", it.Request.Body)
	}
}

func TestAnAnswerThatIsNoJSONIsRedactedByShapeAndByValue(t *testing.T) {
	for body, want := range map[string]string{
		"sent to +15017122661, code 482913.":                   "sent to +15005550006, code 111111.",
		"<p>jane@corp.example &#43;15017122661 482913</p>":     "<p>redacted@example.com &#43;15005550006 111111</p>",
		"<To>+15017122661</To><Url>https://h/?Code=1234</Url>": "<To>+15005550006</To><Url>https://h/?Code=1111</Url>",
		"To=%2B15017122661&Identity=jane":                      "To=%2B15005550006&Identity=redacted",
		"\xff\xfe482913\xff":                                   "\xff\xfe111111\xff",
		"a+1 and b@c are nothing; 2015-07-30T20:00:00+00:00":   "a+1 and b@c are nothing; 2015-07-30T20:00:00+00:00",
	} {
		it := recorded(t, &Policy{}, "POST "+service, formMedia, "CustomCode=482913", body)
		if it.Response.Body != want {
			t.Errorf("%q became\n%q, want\n%q", body, it.Response.Body, want)
		}
	}
}

func TestAllSIDsArePseudonymsIfThePolicySaysSo(t *testing.T) {
	policy := &Policy{}
	policy.AllSIDs()
	const va, ve = "VA0123456789abcdef0123456789abcdef", "VE0123456789abcdef0123456789abcdef"
	it := recorded(t, policy, "POST /v2/Services/"+va+"/Verifications/"+ve, formMedia, "Status=approved", `{"sid": "`+ve+`", "account_sid": "`+account+`", "x": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}`)
	if want := "https://verify.twilio.com/v2/Services/" + Pseudonym(va) + "/Verifications/" + Pseudonym(ve); it.Request.URL != want {
		t.Errorf("got %s, want %s", it.Request.URL, want)
	}
	if want := `{"sid": "` + Pseudonym(ve) + `", "account_sid": "` + Pseudonym(account) + `", "x": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}`; it.Response.Body != want {
		t.Errorf("got %s, want %s", it.Response.Body, want)
	}
}

func TestACallerGetsItsOwnAddressBack(t *testing.T) {
	found := (&Policy{}).Request(&cassette.Request{Method: "POST", URL: service + "/Verifications", Body: "To=%2B4917012345678", Headers: http.Header{"Content-Type": {formMedia}}})
	if got := found.Restore(`{"to": "+15005550006", "x": "redacted@example.com"}`); got != `{"to": "+4917012345678", "x": "redacted@example.com"}` {
		t.Errorf("got %s", got)
	}
	two := (&Policy{}).Request(&cassette.Request{Method: "POST", URL: service + "/Verifications", Body: "To=%2B4917012345678&To=%2B4917012345679", Headers: http.Header{"Content-Type": {formMedia}}})
	if got := two.Restore(`{"to": "+15005550006"}`); got != `{"to": "+15005550006"}` {
		t.Errorf("of two numbers %s was taken", got)
	}
}

func TestWhatIsEscapedTooDeepIsFoundByCheck(t *testing.T) {
	it := exchange(basic(account, token), "")
	it.Response.Body = strings.NewReplacer("c", "%25252563").Replace(token) // four layers
	found := (&Policy{}).Interaction(it)
	if err := found.Check(it.Response.Body); err == nil {
		t.Error("not found")
	}
}
