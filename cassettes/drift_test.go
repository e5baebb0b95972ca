package cassettes

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

func oneCall(t *testing.T, header http.Header, code int, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "one.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	it := &cassette.Interaction{
		Request:  cassette.Request{Method: "GET", URL: "https://verify.twilio.com/v2/Services/" + checkService + "?PageSize=2", Headers: http.Header{}},
		Response: cassette.Response{Code: code, Body: body, Headers: header},
	}
	if _, err := w.Append(it, nothingToCheck); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func answering(t *testing.T, header http.Header, code int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEachKindOfDriftHasItsLine(t *testing.T) {
	media := func(s string) http.Header { return http.Header{"Content-Type": {s}} }
	long := strings.Repeat("x", 80)
	for name, c := range map[string]struct {
		was, is [2]string // the body and the media type
		want    []string
	}{
		"nothing":           {[2]string{`{"a": 1}`}, [2]string{`{"a":1}`}, nil},
		"a new field":       {[2]string{`{}`}, [2]string{`{"a": {"b": 1}}`}, []string{"response JSON $.a: new: object"}},
		"a missing field":   {[2]string{`{"a": {"b": [1.5]}}`}, [2]string{`{"a": {}}`}, []string{"response JSON $.a.b: missing: recorded as array"}},
		"a field's type":    {[2]string{`{"a": [{"b": "1"}]}`}, [2]string{`{"a": [{"b": 1}]}`}, []string{"response JSON $.a[0].b: type changed from string to number"}},
		"a text":            {[2]string{`{"status": "approved"}`}, [2]string{`{"status": "canceled"}`}, []string{`response JSON $.status: recorded "approved", now "canceled"`}},
		"a long text":       {[2]string{`{"a": "b"}`}, [2]string{`{"a": "` + long + `"}`}, []string{`response JSON $.a: recorded "b", now "` + long[:60] + `…"`}},
		"a number":          {[2]string{`{"code": 60202}`}, [2]string{`{"code": 60203}`}, []string{"response JSON $.code: recorded 60202, now 60203"}},
		"a long number":     {[2]string{`{"a": 9007199254740992}`}, [2]string{`{"a": 9007199254740993}`}, []string{"response JSON $.a: recorded 9007199254740992, now 9007199254740993"}},
		"a boolean":         {[2]string{`{"valid": true}`}, [2]string{`{"valid": false}`}, []string{"response JSON $.valid: recorded true, now false"}},
		"a field that null": {[2]string{`{"a": null, "b": 5, "c": null}`}, [2]string{`{"a": {}, "b": null, "c": null}`}, []string{"note: response JSON $.a: recorded null, now an object", "note: response JSON $.b: recorded 5, now null"}},
		"a shorter list":    {[2]string{`[1, 2]`}, [2]string{`[3]`}, []string{"note: response JSON $: entries: recorded 2, now 1", "response JSON $[0]: recorded 1, now 3"}},
		"an empty list":     {[2]string{`{"a": [{"b": 1}]}`}, [2]string{`{"a": []}`}, []string{"note: response JSON $.a: entries: recorded 1, now 0"}},
		"another SID":       {[2]string{`{"a": "VE0123456789abcdef0123456789abcdef"}`}, [2]string{`{"a": "VL0123456789abcdef0123456789abcdef"}`}, []string{`response JSON $.a: recorded "VE0123456789abcdef0123456789abcdef", now "VL0123456789abcdef0123456789abcdef"`}},
		"a date's format":   {[2]string{`{"a": "2015-07-30T20:00:00Z"}`}, [2]string{`{"a": "Thu, 30 Jul 2015 20:00:00 +0000"}`}, []string{`response JSON $.a: recorded "2015-07-30T20:00:00Z", now "Thu, 30 Jul 2015 20:00:00 +0000"`}},
		"a URL's path":      {[2]string{`{"url": "https://verify.twilio.com/v2/Services"}`}, [2]string{`{"url": "https://verify.twilio.com/v3/Services"}`}, []string{`response JSON $.url: recorded "https://verify.twilio.com/v2/Services", now "https://verify.twilio.com/v3/Services"`}},
		"an odd name":       {[2]string{`{}`}, [2]string{`{"a.b\u001b[2J": 1}`}, []string{`response JSON $["a.b\x1b[2J"]: new: number`}},
		"a media type":      {[2]string{`{}`, "application/json"}, [2]string{`{}`, "text/json; charset=utf-8"}, []string{`response header Content-Type: recorded "application/json", now "text/json"`}},
		"no media type":     {[2]string{`{}`, "application/json"}, [2]string{`{}`}, []string{"response header Content-Type: missing"}},
		"no JSON":           {[2]string{`{}`}, [2]string{`<html>`}, []string{"response body: recorded JSON, now text that is no JSON"}},
		"no body":           {[2]string{`ok`}, [2]string{``}, []string{"response body: recorded text that is no JSON, now nothing"}},
		"a text body":       {[2]string{`all right`}, [2]string{`all wrong`}, []string{"response body: changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			header := func(answer [2]string) http.Header {
				if answer[1] == "" {
					return nil
				}
				return media(answer[1])
			}
			file := oneCall(t, header(c.was), 200, c.was[0])
			checked, err := checker(t, answering(t, header(c.is), 200, c.is[0])).Check(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			got := lines(checked.Findings)
			for i := range got {
				got[i] = strings.Replace(got[i], "interaction 0: ", "", 1)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestWhatIsAnotherInEveryAnswerIsNoDrift(t *testing.T) {
	for name, c := range map[string]struct{ was, is string }{
		"dates":          {`["2015-07-30T20:00:00Z", "2015-07-30"]`, `["2026-11-24T16:16:21.123+01:00", "2026-11-24"]`},
		"dates of mail":  {`["Thu, 30 Jul 2015 20:00:00 +0000"]`, `["Tue, 24 Nov 2026 16:16:21 GMT"]`},
		"SIDs":           {`["VE0123456789abcdef0123456789abcdef"]`, `["VEfedcba98765432100123456789abcdef"]`},
		"URLs":           {`["https://verify.twilio.com/v2/Services/VA0123456789abcdef0123456789abcdef?PageToken=PTabc"]`, `["https://verify.twilio.com/v2/Services/VAfedcba98765432100123456789abcdef?PageToken=PAxyz"]`},
		"request ids":    {`{"request_id": "a", "b": "1c0d5ac3-e19f-4b82-94a1-c0d5ac3e19f7"}`, `{"request_id": "b", "b": "9f7b8264-a1c0-4d5a-a3e1-9f7b8264a1c0"}`},
		"durations":      {`{"duration": 0.119}`, `{"duration": 2}`},
		"accounts":       {`{"account_sid": "AC0123456789abcdef0123456789abcdef"}`, `{"account_sid": "AC5ef872f6da5a21de157d80997a64bd33"}`},
		"what is hidden": {`{"to": "+4917512345678", "payee": "Jane", "binding": {"secret": "GEZDGNBVGY3TQOJQGEZDGNBV"}}`, `{"to": "jane@example.org", "payee": "+4917512345678", "binding": {"secret": "0123"}}`},
		"a message":      {`{"message": "The requested resource /Services/VA0123456789abcdef0123456789abcdef was not found"}`, `{"message": "The requested resource /Services/VAfedcba98765432100123456789abcdef was not found"}`},
		"numbers' form":  {`[1.50, 1e3]`, `[1.5, 1000]`},
	} {
		t.Run(name, func(t *testing.T) {
			file := oneCall(t, http.Header{"Content-Type": {"application/json"}, "Date": {"x"}, "Twilio-Request-Id": {"RQ1"}, "Etag": {"1"}}, 200, c.was)
			header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-New": {"y"}, "Twilio-Request-Duration": {"2"}}
			checked, err := checker(t, answering(t, header, 200, c.is)).Check(t.Context(), file)
			if err != nil || len(checked.Findings) > 0 || checked.Compared != 1 {
				t.Errorf("found %q, %v", lines(checked.Findings), err)
			}
		})
	}
}

func TestAStatusAndHeadersThatClientsActOnAreDrift(t *testing.T) {
	file := oneCall(t, http.Header{"Content-Type": {"application/json"}, "Location": {"/a"}}, 200, `{"sid": "VE1"}`)
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}, "Sunset": {"Wed, 01 Dec 2027 00:00:00 GMT"}}
	c := checker(t, answering(t, header, 429, `{"code": 20429, "message": "Too many requests to +4917512345678", "status": 429}`))
	want := []string{
		`interaction 0: response status: recorded 200, now 429: "Too many requests to +15005550006"`,
		"interaction 0: response header Location: missing",
		"interaction 0: response header Retry-After: new",
		"interaction 0: response header Sunset: new",
	}
	before := readFile(t, file)
	for _, c.Update = range []bool{false, true} {
		checked, err := c.Check(t.Context(), file)
		if got := lines(checked.Findings); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
		if line, ok := checked.Verdict(c.Update); ok || c.Update && line != "new answers written: 0 of 1; not checked: 0" {
			t.Errorf("the verdict is %q, %v", line, ok)
		}
	}
	if readFile(t, file) != before {
		t.Error("what upstream was at fault for is on the tape")
	}
	onlyFile(t, file)
}
