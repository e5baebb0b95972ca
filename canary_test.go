package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// canary returns a value of a kind that stands nowhere else, and what of it must not be found anywhere.
func canary(kind verify.Kind, n int) (value, secret string) {
	switch kind {
	case verify.Address:
		value = fmt.Sprintf("+4917%09d", 530_000_000+n*7919)
		return value, value[1:]
	case verify.Code:
		value = strconv.Itoa(7_300_000 + n*7919)
		return value, value
	case verify.IP:
		value = fmt.Sprintf("203.0.%d.%d", 113+n/200, 20+n%200)
		return value, value
	case verify.Money:
		value = fmt.Sprintf("€%d.45", 73_000+n)
		return value, value[3:]
	case verify.URL:
		value = fmt.Sprintf("https://canary%d.example.net/c4n4ry?key=k%dk", n, n)
		return value, fmt.Sprintf("canary%d.example.net", n)
	case verify.Text:
		value = fmt.Sprintf("Cänary Person %dst", n)
		return value, value
	case verify.Message:
		value = fmt.Sprintf("+4918%09d", 530_000_000+n*7919)
		return "Invalid parameter `To`: " + value, value[1:]
	}
	value = fmt.Sprintf("c4n4ry%04dS3cr3tS3cr3tS3cr3t", n)
	return value, value
}

// row is a field of the table with its canary.
type row struct {
	verify.Field
	value, secret string
}

// rows are the redacted fields of the table; those that hold phone numbers or e-mail addresses count twice.
func rows() []row {
	var all []row
	for _, f := range verify.Fields {
		if f.Kind == verify.Readable {
			continue
		}
		value, secret := canary(f.Kind, len(all))
		all = append(all, row{f, value, secret})
		if f.Kind == verify.Address {
			user := fmt.Sprintf("canary.person%d", len(all))
			all = append(all, row{f, user + "@corp.example.org", user})
		}
	}
	return all
}

// path returns where a call goes that carries the canary of r, in text, in its path or its query.
func (r row) path(text string) string {
	path := "/v2/Services/VA0123456789abcdef0123456789abcdef"
	if r.In&verify.InPath != 0 {
		path += "/" + r.Name + "/" + url.PathEscape(text)
	}
	if r.Under != "" {
		path += "/" + r.Under
	}
	path += "?Page=0"
	if r.In&verify.InQuery != 0 {
		path += "&" + r.Name + "=" + url.QueryEscape(text)
	}
	return path
}

// form returns the body of a request with text in the field of r: as a form, as JSON, or in parts.
func (r row) form(text string, n int) (media, body string) {
	switch {
	case r.In&verify.InForm == 0:
		return "application/x-www-form-urlencoded", "Status=approved"
	case n%3 == 1:
		return "application/json", `{"Status": "approved", ` + r.member(text) + `}`
	case n%3 == 2:
		return "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"" + r.Name + "\"\r\n\r\n" + text + "\r\n--b--\r\n"
	}
	return "application/x-www-form-urlencoded", "Status=approved&" + r.Name + "=" + url.QueryEscape(text) + "&Channel=sms"
}

// member returns text as the member of a JSON object that r names.
func (r row) member(text string) string {
	quoted, _ := json.Marshal(text)
	parts := strings.Split(r.Name, ".")
	return `"` + strings.Join(parts, `": {"`) + `": ` + string(quoted) + strings.Repeat("}", len(parts)-1)
}

// answer returns what upstream answers: text in the field of r, and once more somewhere else.
func (r row) answer(text string, somewhere func(string) string) string {
	echo := text
	if strings.ContainsAny(text, "\"<\\\n") || strings.ContainsFunc(text, func(c rune) bool { return c >= 0x80 }) {
		echo = url.QueryEscape(text) // it would break the JSON, the header or the HTML
	}
	// The stand-in closes each connection: said, so that no call is sent on one that is being closed.
	got := strings.Replace(somewhere(echo), "\r\n", "\r\nConnection: close\r\n", 1)
	if r.In&verify.InHeader != 0 && r.Name != "Set-Cookie" {
		got = strings.Replace(got, "\r\n", "\r\n"+r.Name+": "+url.QueryEscape(text)+"\r\n", 1)
	}
	if r.In&verify.InURL != 0 {
		got = strings.Replace(got, "\r\n", "\r\nContent-Location: https://u:"+url.QueryEscape(text)+"@verify.twilio.com/\r\n", 1)
	}
	if r.In&verify.InJSON != 0 && strings.HasSuffix(got, `"}`) {
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		head += "\r\nX-Echo: " + echo
		body = "{" + r.member(text) + ", " + body[1:]
		got = contentLength.ReplaceAllString(head, "Content-Length: "+strconv.Itoa(len(body))) + "\r\n\r\n" + body
	}
	return got
}

var contentLength = regexp.MustCompile(`Content-Length: \d+`)

// somewheres are the places of the leak test in which an answer comes through.
func somewheres() []string {
	names := []string{"JSON", "JSON", "JSON"} // the field itself is in JSON
	for _, name := range []string{"plain text", "HTML", "a header", "Location", "gzip", "not UTF-8", "a trailer"} {
		if places[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// inWords are encodings in which a canary touches others' letters, where a code or a plain word is another one.
var inWords = []string{"base64 in a text", "base64 in a pair"}

func TestNoCanaryOfTheTableReachesTheDiskOrTheLog(t *testing.T) {
	dir := t.TempDir()
	tape := filepath.Join(dir, "canary.yaml")
	var answers []string
	p := start(t, "record", "--cassette", tape, "--upstream", echoing(t, &answers), "--log-level", "debug")
	all, names := rows(), somewheres()
	var exchanges []exchange
	for i, r := range all {
		for j, encoding := range slices.Sorted(keysOf(encodings)) {
			if r.Kind != verify.Credential && r.Kind != verify.Token && slices.Contains(inWords, encoding) {
				continue
			}
			encoded := encodings[encoding](r.value)
			// The field as it is and an echo that is encoded, then both encoded, then the other way round.
			ways := [][2]string{{r.value, encoded}, {encoded, encoded}, {encoded, r.value}}
			if slices.Contains(inWords, encoding) {
				ways = ways[:2] // what the field has is another value
			}
			for k, texts := range ways {
				somewhere := places[names[(i+j+k)%len(names)]]
				if r.In == verify.InJSON { // only there the field can be in the answer
					somewhere = places["JSON"]
				}
				answers = append(answers, r.answer(texts[1], somewhere))
				e := exchange{r, texts[0], len(answers) - 1, j}
				exchanges = append(exchanges, e)
				status, body := e.send(t, p.url)
				if status != http.StatusOK || !strings.Contains(answers[len(answers)-1], body) {
					t.Fatalf("%s, %s: the client got %d %q, not what upstream sent, %q", r.Name, encoding, status, body, answers[len(answers)-1])
				}
			}
		}
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, strings.Join(regexp.MustCompile(`.*(unrecorded|not complete).*`).FindAllString(p.stderr.String(), 5), "\n"))
	}
	missed, answered := replayCanaries(t, tape, exchanges)
	unfindable := strings.Count(p.stderr.String(), "a replay will not find it")
	if got := strings.Count(missed.stderr.String(), "\tmiss\t"); got != unfindable {
		t.Errorf("%d calls were not found, the recording has warned of %d", got, unfindable)
	}
	texts := map[string]string{"the log": p.stderr.String(), "the replay's log": missed.stderr.String(), "the misses": answered}
	collect(t, dir, texts)
	for place, text := range texts {
		for _, decoded := range decodings(text) {
			for _, r := range all {
				if i := strings.Index(decoded, r.secret); i >= 0 {
					t.Errorf("the canary of %s is in %s: …%s…", r.Name, place, decoded[max(0, i-200):min(len(decoded), i+80)])
				}
			}
		}
	}
	t.Logf("%d canaries, one for each row of the table, in %d encodings: %d exchanges, of which a replay finds all but %d, which the recording has warned of; %d files and logs were searched", len(all), len(encodings), len(exchanges), unfindable, len(texts))
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// exchange is a call that carries a text in the field of a row, and asks for answer n.
type exchange struct {
	row
	text    string
	n       int
	variant int // of the form
}

func (e exchange) send(t *testing.T, base string) (int, string) {
	t.Helper()
	media, body := e.form(e.text, e.variant)
	req, err := http.NewRequest("POST", base+e.path(e.text)+"&n="+strconv.Itoa(e.n), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	req.SetBasicAuth("AC5ef872f6da5a21de157d80997a64bd33", "c4n4ry0f7h3auth70k3n9876543210ab")
	if e.In&verify.InHeader != 0 {
		value := url.QueryEscape(e.text)
		if e.Name == "Cookie" {
			value = "a=b; session=" + value
		}
		req.Header.Set(e.Name, value)
	}
	status, got, err := send(req)
	if err != nil {
		t.Fatal(err)
	}
	return status, got
}

// replayCanaries asks for all exchanges once more, and for as many that are not on the tape. It returns the
// program, which has ended, and what it answered to the latter.
func replayCanaries(t *testing.T, tape string, exchanges []exchange) (*process, string) {
	t.Helper()
	p := start(t, "replay", "--cassette", tape, "--play", "once")
	var answers strings.Builder
	for _, e := range exchanges {
		e.send(t, p.url)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	missing := start(t, "replay", "--cassette", tape, "--strict", "--report", report, "--log-level", "debug")
	for i, e := range exchanges {
		if i%7 == 0 {
			e.n += len(exchanges)
			status, body := e.send(t, missing.url)
			if status != http.StatusNotImplemented {
				t.Errorf("%s is answered with %d", e.path(e.text), status)
			}
			answers.WriteString(body)
		}
	}
	missing.end(t, syscall.SIGTERM)
	p.end(t, syscall.SIGTERM)
	return p, answers.String() + missing.stderr.String() + readAll(t, report)
}

var (
	escapeURL   = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	escapeJSON  = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)
	escapeOther = regexp.MustCompile(`\\[\\/"]`)
	base64Word  = regexp.MustCompile(`[A-Za-z0-9+/_-]{6,}`)
)

// decodings returns text as it is, with its escapes undone once, twice and three times, and what in all of these
// may be base64, decoded. It shares nothing with the redaction.
func decodings(text string) []string {
	layers := []string{text}
	for range 3 {
		text = escapeURL.ReplaceAllStringFunc(text, func(s string) string {
			n, _ := strconv.ParseUint(s[1:], 16, 8)
			return string([]byte{byte(n)})
		})
		text = escapeJSON.ReplaceAllStringFunc(text, func(s string) string {
			n, _ := strconv.ParseUint(s[2:], 16, 32)
			return string(rune(n))
		})
		text = html.UnescapeString(escapeOther.ReplaceAllStringFunc(text, func(s string) string { return s[1:] }))
		layers = append(layers, text)
	}
	var plain strings.Builder
	for _, layer := range layers {
		for _, word := range base64Word.FindAllString(layer, -1) {
			enc := base64.RawStdEncoding
			if strings.ContainsAny(word, "-_") {
				enc = base64.RawURLEncoding
			}
			for _, w := range append(strings.Split(word, "/"), word) {
				if b, err := enc.DecodeString(w); err == nil {
					plain.WriteString(string(b) + "\n")
				}
			}
		}
	}
	return append(layers, plain.String())
}
