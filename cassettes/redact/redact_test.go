package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"
)

const (
	account = "AC0123456789abcdef0123456789abcdef"
	apiKey  = "SKfedcba9876543210fedcba9876543210"
	token   = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry00"
	odd     = `p@ss/w"ö rd&+%<x>`
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// encodings are the ways in which an upstream may echo a credential.
var encodings = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"in a sentence":         func(s string) string { return "token=" + s + "." },
	"URL-escaped":           url.QueryEscape,
	"path-escaped":          url.PathEscape,
	"every byte as %XX":     percent,
	"double URL-escaped":    func(s string) string { return url.QueryEscape(percent(s)) },
	"JSON-escaped":          func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	"every rune as \\uXXXX": unicodeEscape,
	"double JSON-escaped":   func(s string) string { return strings.ReplaceAll(unicodeEscape(s), `\`, `\\`) },
	"JSON in a form":        func(s string) string { return url.QueryEscape(unicodeEscape(s)) },
	"HTML entities":         func(s string) string { return htmlEscape(s) },
	"base64":                func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 unpadded":       func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 for URLs":       func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 behind 1 byte":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "y")) },
	"base64 behind 2 bytes": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("xy" + s)) },
	"base64 of the pair":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(account + ":" + s)) },
	"base64, URL-escaped":   func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64, JSON-escaped": func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(s)), "/", `\/`)
	},
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func unicodeEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func htmlEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, "&#%d;", r)
	}
	return b.String()
}

func TestCredentialsAreRedactedWhereverTheyAreEchoed(t *testing.T) {
	credentials := map[string]struct{ header, secret string }{
		"auth token":              {basic(account, token), token},
		"account SID":             {basic(account, token), account},
		"API key SID":             {basic(apiKey, token), apiKey},
		"password that is odd":    {basic(apiKey, odd), odd},
		"bearer token":            {"Bearer " + token, token},
		"unknown scheme":          {"Twilio " + token, token},
		"scheme without a space":  {token, token},
		"short password, as word": {basic(account, "hunter2"), "hunter2"},
	}
	for name, c := range credentials {
		for encoding, encode := range encodings {
			if len(c.secret) < shortest && strings.HasPrefix(encoding, "base64") {
				continue // only its pair is looked for in base64
			}
			t.Run(name+" "+encoding, func(t *testing.T) {
				echo := encode(c.secret)
				it := exchange(c.header, echo)
				found := (&Policy{}).Interaction(it)
				text := dump(t, it)
				if strings.Contains(text, echo) || strings.Contains(text, c.secret) {
					t.Errorf("%q is left in\n%s", echo, text)
				}
				if err := found.Check(text); err != nil {
					t.Error("check:", err)
				}
				(&Policy{}).Interaction(it)
				if again := dump(t, it); again != text {
					t.Errorf("redacting again changed\n%s\nto\n%s", text, again)
				}
			})
		}
	}
}

// exchange is an interaction in which upstream echoes text everywhere.
func exchange(authorization, text string) *cassette.Interaction {
	return &cassette.Interaction{
		Request: cassette.Request{
			Method: "POST", URL: "https://verify.twilio.com/v2/Services", Host: "verify.twilio.com",
			Headers: http.Header{"Authorization": {authorization}},
		},
		Response: cassette.Response{
			Code: 200, Status: "200 " + text, Body: `{"echo": "` + text + `"}`,
			Headers: http.Header{"X-Echo": {text}, "Location": {"https://verify.twilio.com/?t=" + text}},
			Trailer: http.Header{"X-Trailer": {text}},
		},
	}
}

func dump(t *testing.T, it *cassette.Interaction) string {
	b, err := yaml.Marshal(it)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPlaceholdersKeepTheFormOfWhatTheyReplace(t *testing.T) {
	body := `{"account_sid": "` + account + `", "n": 1.50, "token": "` + token + `"}`
	it := exchange(basic(account, token), "")
	it.Response.Body = body
	it.Response.ContentLength = int64(len(body))
	it.Response.Headers.Set("Content-Length", fmt.Sprint(len(body)))
	(&Policy{}).Interaction(it)
	want := `{"account_sid": "` + Pseudonym(account) + `", "n": 1.50, "token": "` + strings.Repeat("0", 32) + `"}`
	if it.Response.Body != want {
		t.Errorf("got\n%s, want\n%s", it.Response.Body, want)
	}
	if n := len(want); it.Response.ContentLength != int64(n) || it.Response.Headers.Get("Content-Length") != fmt.Sprint(n) {
		t.Error("Content-Length does not agree with the body")
	}
	if got := it.Request.Headers.Get("Authorization"); got != "Basic REDACTED" {
		t.Errorf("Authorization is %q", got)
	}
}

func TestSecretHeadersAreMaskedByPlace(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc.def.ghi", "Bearer REDACTED"},
		{"Authorization", "bearer abc", "bearer REDACTED"},
		{"Authorization", "s3cret", "REDACTED"},
		{"Authorization", "s3cret more", "REDACTED"},
		{"Proxy-Authorization", basic("a", "b"), "Basic REDACTED"},
		{"Cookie", "a=1; sid=abcdefghij", "a=REDACTED; sid=REDACTED"},
		{"Cookie", "abcdefghij", "REDACTED"},
		{"Set-Cookie", "sid=abcdefghij; Path=/; HttpOnly", "sid=REDACTED; Path=/; HttpOnly"},
		{"Twilio-Client-Validation", "eyJ.eyJ.sig", "REDACTED"},
		{"X-Twilio-Signature", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "REDACTED"},
		{"Accept", "application/json", "application/json"},
	} {
		it := exchange("", "")
		it.Request.Headers = http.Header{c.name: {c.value}}
		it.Response.Headers = http.Header{c.name: {c.value}}
		for range 2 { // the second time changes nothing
			(&Policy{}).Interaction(it)
			if got := it.Request.Headers.Get(c.name); got != c.want {
				t.Errorf("request %s: %q became %q, want %q", c.name, c.value, got, c.want)
			}
			if got := it.Response.Headers.Get(c.name); got != c.want {
				t.Errorf("response %s: %q became %q, want %q", c.name, c.value, got, c.want)
			}
		}
	}
}

func TestSIDsOfAccountsAndKeysGetPseudonymsAnywhere(t *testing.T) {
	it := exchange("", "")
	it.Request.URL = "https://u@verify.twilio.com/2010/" + account + "?k=" + apiKey
	it.Request.Body = "Sid=" + account
	it.Request.Form = url.Values{"Sid": {account}, apiKey: {"x"}}
	it.Response.Body = `{"sid": "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "account": "\u0041C` + account[2:] + `"}`
	(&Policy{}).Interaction(it)
	for what, got := range map[string]string{
		"URL":  it.Request.URL,
		"body": it.Request.Body,
		"form": it.Request.Form.Encode(),
		"JSON": it.Response.Body,
	} {
		if strings.Contains(got, account[2:]) || strings.Contains(got, apiKey[2:]) {
			t.Errorf("%s: a SID is left in %s", what, got)
		}
		if !HasPseudonym(got) {
			t.Errorf("%s: no pseudonym in %s", what, got)
		}
	}
	if !strings.Contains(it.Response.Body, "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") {
		t.Error("the verification's SID is gone")
	}
}

func TestAPseudonymIsStableAndItsOwnPseudonym(t *testing.T) {
	p := Pseudonym("ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	if want := "AC00000000000000000000b288f9282c0f"; p != want { // sha256sum says so too
		t.Errorf("got %s, want %s", p, want)
	}
	if Pseudonym(p) != p {
		t.Error("a pseudonym has another pseudonym")
	}
}

func TestTheCallerGetsItsOwnSIDBack(t *testing.T) {
	r := &cassette.Request{Method: "GET", URL: "/" + apiKey, Headers: http.Header{"Authorization": {basic(account, token)}}}
	found := (&Policy{}).Request(r)
	got := found.Restore(Pseudonym(account) + " " + Pseudonym(apiKey) + " " + Pseudonym("AC99999999999999999999999999999999"))
	want := account + " " + apiKey + " " + Pseudonym("AC99999999999999999999999999999999")
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCheckFindsWhatRedactionHasLeft(t *testing.T) {
	it := exchange(basic(account, token), "")
	found := (&Policy{}).Interaction(it)
	for encoding, encode := range encodings {
		for _, secret := range []string{token, account} {
			if err := found.Check("x: " + encode(secret)); !errors.As(err, new(*Leak)) {
				t.Errorf("%s: not found", encoding)
			}
		}
	}
	if err := found.Check("nothing of the kind"); err != nil {
		t.Error(err)
	}
}

func TestADummyPasswordDoesNotEmptyTheTape(t *testing.T) {
	for _, password := range []string{"1", "x", "a", "form", "token"} {
		it := exchange(basic("a", password), "")
		it.Request.Headers.Set("Content-Type", formMedia)
		it.Response.Body = `{"a": "banana", "n": 11, "x": 1}`
		(&Policy{}).Interaction(it)
		if want := `{"a": "banana", "n": 11, "x": 1}`; it.Response.Body != want || it.Request.Headers.Get("Content-Type") != formMedia {
			t.Errorf("%s: got %s, %v", password, it.Response.Body, it.Request.Headers)
		}
	}
}

func FuzzNoPlantedCredentialSurvives(f *testing.F) {
	f.Add("before", "after", uint8(0))
	f.Add(`{"a": "\u00`, `"}`, uint8(3))
	f.Add("%", "41", uint8(4))
	f.Add("&#", ";", uint8(9))
	names := slices.Sorted(maps.Keys(encodings))
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		name := names[int(which)%len(names)]
		it := exchange(basic(account, token), "")
		it.Response.Body = before + encodings[name](token) + after
		found := (&Policy{}).Interaction(it)
		if strings.Contains(it.Response.Body, token) {
			t.Errorf("%s: left in %q", name, it.Response.Body)
		}
		if err := found.Check(it.Response.Body); err != nil && !deep(before+after) {
			t.Errorf("%s: the check finds it in %q", name, it.Response.Body)
		}
		once := it.Response.Body
		(&Policy{}).Interaction(it)
		if it.Response.Body != once {
			t.Errorf("redacting again changed %q to %q", once, it.Response.Body)
		}
	})
}

// deep reports whether there may be more layers of escapes in text than redaction looks through: then a call is
// not recorded.
func deep(text string) bool {
	return strings.Count(text, `\`) > 2 || strings.Count(text, "%") > 2 || strings.Count(text, "&") > 2
}

// planted are values that a fuzz test plants in a field, and looks for.
var planted = []struct{ field, value string }{
	{"To", "+4917512345678"}, {"To", "jane.doe@corp.example"}, {"Identity", "Jänë Doe 7"}, {"CustomCode", "48291357"},
	{"token", "k3yk3yk3yk3yk3yk3yk3y"}, {"DeviceIp", "203.0.113.77"},
}

// fuzzed redacts an exchange twice, and checks what must be true of all: nothing planted is left, and the second
// time changes nothing.
func fuzzed(t *testing.T, it *cassette.Interaction, values ...string) {
	t.Helper()
	policy := &Policy{}
	found := policy.Interaction(it)
	once := *it
	for _, v := range values {
		if strings.Contains(it.Request.Body+it.Response.Body, v) {
			t.Errorf("%q is left in %q and %q", v, it.Request.Body, it.Response.Body)
		}
	}
	if err := found.Check(it.Response.Body); err != nil && !deep(once.Response.Body) {
		t.Errorf("%v: %q", err, it.Response.Body)
	}
	policy.Interaction(it)
	if it.Request.Body != once.Request.Body || it.Response.Body != once.Response.Body {
		t.Errorf("redacting again changed %q to %q, %q to %q", once.Request.Body, it.Request.Body, once.Response.Body, it.Response.Body)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("Status=approved&", "&x=%zz&&=", uint8(0))
	f.Add("[", "0", uint8(2))
	f.Add("To=%2B1501", "7122661&Tags=%7B%22a%22%3A1%7D", uint8(2))
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		p := planted[int(which)%len(planted)]
		before, after = strings.TrimRight(before, "%"), strings.TrimLeft(after, "=")
		body := before + "&" + p.field + "=" + url.QueryEscape(p.value) + "&" + after
		it := exchange(basic(account, token), "")
		it.Request.Headers.Set("Content-Type", formMedia)
		it.Request.Body = body
		fuzzed(t, it, p.value, url.QueryEscape(p.value))
		if got, want := strings.Count(it.Request.Body, "&"), strings.Count(body, "&"); got != want {
			t.Errorf("the form had %d fields, and has %d: %q, %q", want, got, body, it.Request.Body)
		}
		if got, want := names(it.Request.Body), names(body); p.field != "Identity" && !strings.Contains(before+after, "@") && len(got) != len(want) {
			t.Errorf("the names were %q, and are %q", want, got)
		}
	})
}

func names(form string) (all []string) {
	for part := range strings.SplitSeq(form, "&") {
		name, _, _ := strings.Cut(part, "=")
		all = append(all, name)
	}
	return all
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a": [1, 2.50, "x\u0041"], "to": "+1501"}`, uint8(1))
	f.Add(`{"metadata": {"n": 1e400, "b": true, "d": {}}}`, uint8(2))
	f.Add(`"\ud800"`, uint8(3))
	f.Add(`[[[[`, uint8(4))
	f.Add(`0+1000000`, uint8(3))
	f.Fuzz(func(t *testing.T, value string, which uint8) {
		p := planted[int(which)%len(planted)]
		quoted, err := json.Marshal(p.value)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"x": ` + value + `, "` + p.field + `": ` + string(quoted) + `}`
		valid := json.Valid([]byte(body))
		it := exchange(basic(account, token), "")
		it.Response.Headers.Set("Content-Type", "application/json")
		it.Response.Body = body
		if !valid && strings.Contains(body, `\`) {
			return // where a string ends can't be told
		}
		secrets := []string{p.value}
		if p.field == "CustomCode" || !valid {
			secrets = nil // part of a longer number, it is another number; in what is no JSON it may be in no field
		}
		fuzzed(t, it, secrets...)
		if valid && !json.Valid([]byte(it.Response.Body)) {
			t.Errorf("%q is no JSON any more: %q", body, it.Response.Body)
		}
		if valid && shapeOf(t, body) != shapeOf(t, it.Response.Body) {
			t.Errorf("%s has become %s", body, it.Response.Body)
		}
	})
}

// shapeOf returns the types of a JSON text, without its values.
func shapeOf(t *testing.T, text string) string {
	var b strings.Builder
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return b.String()
		}
		if delim, ok := token.(json.Delim); ok {
			b.WriteString(delim.String())
		} else {
			fmt.Fprintf(&b, "%T ", token)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("sent to ", ".", uint8(0))
	f.Add("%2", "B", uint8(1))
	f.Add("\\u00", "41", uint8(2))
	f.Add("https://h/?Code=", "&", uint8(3))
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		p := planted[int(which)%len(planted)]
		it := exchange(basic(account, token), "")
		it.Request.Headers.Set("Content-Type", formMedia)
		it.Request.Body = p.field + "=" + url.QueryEscape(p.value)
		it.Response.Headers.Set("Content-Type", "text/plain")
		it.Response.Body = before + " " + p.value + " " + after
		fuzzed(t, it, p.value)
	})
}

func BenchmarkInteraction(b *testing.B) {
	policy := &Policy{}
	for _, size := range []int{2 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			line := []byte(`{"account_sid": "` + account + `", "url": "https:\/\/verify.twilio.com\/v2", "to": "+15017122661"},`)
			body := "[" + string(bytes.Repeat(line, size/len(line))) + "null]"
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				it := exchange(basic(account, token), "")
				it.Response.Body = body
				policy.Interaction(it)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, size := range []int{2 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			line := []byte(`{"account_sid": "` + account + `", "url": "https:\/\/verify.twilio.com\/v2", "to": "+15017122661"},`)
			it := exchange(basic(account, token), "")
			it.Response.Body = "[" + string(bytes.Repeat(line, size/len(line))) + "null]"
			found := (&Policy{}).Interaction(it)
			b.SetBytes(int64(len(it.Response.Body)))
			for b.Loop() {
				if err := found.Check(it.Response.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkList is a list in which each entry has another number, name and token to look for everywhere.
func BenchmarkList(b *testing.B) {
	policy := &Policy{}
	var body strings.Builder
	for i := 0; body.Len() < 1<<20; i++ {
		fmt.Fprintf(&body, `{"to": "+49175%08d", "identity": "jane-doe-%d", "token": "k3y%029d", "url": "https://verify.twilio.com/v2"},`, i, i, i)
	}
	text := "[" + body.String() + "null]"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		it := exchange(basic(account, token), "")
		it.Response.Body = text
		policy.Interaction(it)
	}
}

func BenchmarkRequest(b *testing.B) {
	policy := &Policy{}
	authorization := basic(account, token)
	b.ReportAllocs()
	for b.Loop() {
		policy.Request(&cassette.Request{
			Method: "POST", URL: "https://verify.twilio.com/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			Body: "Status=approved", Headers: http.Header{"Authorization": {authorization}},
		})
	}
}
