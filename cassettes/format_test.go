package cassettes

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// nastyParts are what go-vcr's own writer, YAML readers and people stumble over.
var nastyParts = []string{
	"\n", "\r", "\r\n", "\t", " ", "  ", "\x00", "\x07", "\x1b", "\x7f", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff", "\U0001F600",
	"\xff", "\xc3", "\xed\xa0\x80", "---", "\n---\n", "...", "\n...\n", "###", "\n###\n", "- id: 0", "\n    - id: 7\n", "# end: 1 interactions", "\n    # recorded ",
	"'", "''", "\"", "\\", "\\n", "\\x00", "%", "&", "*", "!", "!!binary ", "|", ">", "|-\n", "{", "}", "[", "]", ",", ":", ": ", "?", "? ", "@", "`", "#", " #",
	"null", "~", "true", "no", "0x1f", "1e3", "012", "2026-11-23", "<<", "=", "é", "日本", "a", "Z", "interactions:", `{"sid": "VE"}`, strings.Repeat("long ", 40),
}

func nasty(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(6) {
		if r.IntN(4) == 0 {
			b.WriteByte(byte(r.IntN(256)))
		} else {
			b.WriteString(nastyParts[r.IntN(len(nastyParts))])
		}
	}
	return b.String()
}

func nastyInteraction(r *rand.Rand) *cassette.Interaction {
	return &cassette.Interaction{
		Request: cassette.Request{
			Method: "POST", URL: "https://verify.twilio.com/" + nasty(r), Host: nasty(r),
			Body: nasty(r), ContentLength: -1,
			Form:             url.Values{nasty(r): {nasty(r), nasty(r)}, "Status": {nasty(r)}},
			Headers:          http.Header{"X-Nasty": {nasty(r)}, nasty(r): {""}},
			Trailer:          http.Header{},
			TransferEncoding: []string{nasty(r)},
		},
		Response: cassette.Response{
			Body: nasty(r), Headers: http.Header{"X-Nasty": {nasty(r)}}, Trailer: http.Header{"T": {nasty(r)}},
			TransferEncoding: []string{}, Status: nasty(r), Code: 200, Duration: time.Duration(r.Int64N(1e12)), Uncompressed: true,
		},
	}
}

// stringsPerInteraction is how many random strings nastyInteraction makes, counted low.
const stringsPerInteraction = 14

func TestStockGoVCRGivesBackEveryByteThatWasWritten(t *testing.T) {
	const perFile, files = 100, 12
	for file := range files {
		r := rand.New(rand.NewPCG(1, uint64(file)))
		name := filepath.Join(t.TempDir(), "nasty")
		w, err := Create(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var want []*cassette.Interaction
		for range perFile {
			it := nastyInteraction(r)
			if _, err := w.Append(it, nothingToCheck); err != nil {
				t.Fatal(err)
			}
			want = append(want, it)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		stock, err := cassette.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		sameInteractions(t, "stock go-vcr", stock.Interactions, want)
		ours, err := Load(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if len(ours.Notices) > 0 {
			t.Error("notices:", ours.Notices)
		}
		sameInteractions(t, "Load", ours.Interactions, want)
	}
	t.Logf("%d random strings came back", files*perFile*stringsPerInteraction)
}

func TestBodiesKnownToBreakOtherWritersComeBack(t *testing.T) {
	for _, body := range []string{
		"\nstarts with a line break", "\tstarts with a tab\n\tand another", " \n", "\n\n\n", "a\r\nb\rc\n", "nul \x00 in it", "\xff\xfe not UTF-8",
		"---\nversion: 1\n", "...\n", strings.Repeat("x", 1<<20), `{"a": "` + strings.Repeat("word ", 50_000) + `"}`, "",
	} {
		name := filepath.Join(t.TempDir(), "body")
		w, err := Create(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		it := &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "/", Body: body}, Response: cassette.Response{Code: 200, Body: body}}
		if _, err := w.Append(it, nothingToCheck); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		stock, err := cassette.Load(name)
		if err != nil {
			t.Errorf("%.20q: %v", body, err)
			continue
		}
		if got := stock.Interactions[0]; got.Request.Body != body || got.Response.Body != body {
			t.Errorf("%.20q came back as %.20q and %.20q", body, got.Request.Body, got.Response.Body)
		}
	}
}

func TestJSONIsReadableOnTheTape(t *testing.T) {
	body := `{"sid": "VE1", "to": "+15017122661", "it's": "Zoë"}`
	text, err := encode(&cassette.Interaction{Response: cassette.Response{Body: body}}, stockDash)
	if err != nil {
		t.Fatal(err)
	}
	want := `        body: '{"sid": "VE1", "to": "+15017122661", "it''s": "Zoë"}'` + "\n"
	if !strings.Contains(string(text), want) {
		t.Errorf("the tape has no line %q:\n%s", want, text)
	}
}

func TestTheNumbersOfAMessageAreNotTakenForACode(t *testing.T) {
	body := `{"note": "` + strings.Repeat("x", 988) + `"}`
	for _, code := range []string{"1000", "1234"} {
		it := exampleUpdate(exampleSID, "approved", 200, body)
		it.Request.Body += "&CustomCode=" + code
		it.Request.ContentLength = 1234
		found := (&redact.Policy{}).Interaction(it)
		text, err := encode(it, stockDash)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkText(found, string(text)); err != nil {
			t.Errorf("%s: %v\n%s", code, err, text)
		}
	}
}

func TestWhatIsLeftIsSaidWithItsPlace(t *testing.T) {
	it := exampleUpdate(exampleSID, "approved", 200, "{}")
	it.Request.Body += "&CustomCode=48291357"
	found := (&redact.Policy{}).Interaction(it)
	for place, put := range map[string]func(string){
		"request.body":     func(s string) { it.Request.Body = s },
		"request.url":      func(s string) { it.Request.URL = "https://verify.twilio.com/" + s },
		"request.headers":  func(s string) { it.Request.Headers.Set("X-A", s) },
		"request.form":     func(s string) { it.Request.Form.Set("b", s) },
		"response.body":    func(s string) { it.Response.Body = "a\nb " + s },
		"response.trailer": func(s string) { it.Response.Trailer = http.Header{"X-T": {s}} },
		"response.status":  func(s string) { it.Response.Status = "200 " + s },
	} {
		for _, dash := range []int{0, stockDash} {
			put("48291357")
			text, err := encode(it, dash)
			if err != nil {
				t.Fatal(err)
			}
			err = checkText(found, string(text))
			if err == nil || !strings.HasPrefix(err.Error(), place+": ") || strings.Contains(err.Error(), "48291357") {
				t.Errorf("got %v, want %s", err, place)
			}
			put("x")
		}
	}
}

func FuzzStringsSurviveTheTape(f *testing.F) {
	for _, s := range nastyParts {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, body, name string) {
		it := &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "/", Body: body, Form: url.Values{name: {body}}}, Response: cassette.Response{Code: 200, Body: body}}
		rest, err := encode(it, stockDash)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "fuzz")
		data := append([]byte(header+committed+"\n"), item(stockDash, 0, rest, time.Now())...)
		if err := os.WriteFile(path+".yaml", data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := cassette.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		sameInteractions(t, "stock go-vcr", c.Interactions, []*cassette.Interaction{it})
	})
}

func nothingToCheck(string) error { return nil }

// sameInteractions fails if got is not want. Empty and missing lists are the same.
func sameInteractions(t *testing.T, reader string, got, want []*cassette.Interaction) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s read %d interactions of %d", reader, len(got), len(want))
	}
	for i := range got {
		g, w := withoutEmpty(got[i]), withoutEmpty(want[i])
		if !reflect.DeepEqual(g, w) {
			t.Fatalf("%s changed interaction %d from\n%#v\nto\n%#v", reader, i, w, g)
		}
	}
}

func withoutEmpty(it *cassette.Interaction) cassette.Interaction {
	c := cassette.Interaction{ID: it.ID, Request: it.Request, Response: it.Response}
	for _, h := range []*http.Header{&c.Request.Headers, &c.Request.Trailer, &c.Response.Headers, &c.Response.Trailer} {
		if len(*h) == 0 {
			*h = nil
		}
	}
	if len(c.Request.Form) == 0 {
		c.Request.Form = nil
	}
	for _, l := range []*[]string{&c.Request.TransferEncoding, &c.Response.TransferEncoding} {
		if len(*l) == 0 {
			*l = nil
		}
	}
	return c
}
