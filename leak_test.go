package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// canaries are credentials that must never be found in anything that is written.
var canaries = []struct {
	name      string
	authorize func(*http.Request)
	secrets   []string
}{
	{"auth token", basic("AC5ef872f6da5a21de157d80997a64bd33", "c4n4ry0f7h3auth70k3n9876543210ab"), []string{"AC5ef872f6da5a21de157d80997a64bd33", "c4n4ry0f7h3auth70k3n9876543210ab"}},
	{"API key", basic("SK0c4n4ry0c4n4ry0c4n4ry0c4n4ry00", "S3cr3t0fTh3ApiK3yS3cr3t0fTh3ApiK"), []string{"S3cr3t0fTh3ApiK3yS3cr3t0fTh3ApiK"}},
	{"key SID", basic("SK10293847560192837465019283746501", "An0th3rS3cr3t0fAnK3yAn0th3rS3cr3"), []string{"SK10293847560192837465019283746501", "An0th3rS3cr3t0fAnK3yAn0th3rS3cr3"}},
	{"odd password", basic("someone@example.com", `p@ss/w"ö rd&+%<c4n4ry>`), []string{`p@ss/w"ö rd&+%<c4n4ry>`, "someone@example.com"}},
	{"bearer token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer eyJ.c4n4ry-b34r3r_t0k3n.sig") }, []string{"eyJ.c4n4ry-b34r3r_t0k3n.sig"}},
	{"cookie", func(r *http.Request) { r.Header.Set("Cookie", "a=b; session=c4n4ry-c00k13-v4lu3") }, []string{"c4n4ry-c00k13-v4lu3"}},
	{"signature", func(r *http.Request) { r.Header.Set("X-Twilio-Signature", "c4n4rySign4tur3/KCTR6DLpKmkA=") }, []string{"c4n4rySign4tur3/KCTR6DLpKmkA="}},
}

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

// encodings are the forms in which they are echoed and searched.
var encodings = map[string]func(string) string{
	"plain":            func(s string) string { return s },
	"URL":              url.QueryEscape,
	"path":             url.PathEscape,
	"every byte %XX":   func(s string) string { return each([]byte(s), "%%%02X") },
	"twice URL":        func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"JSON":             func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	"every rune \\u":   func(s string) string { return each([]rune(s), `\u%04x`) },
	"twice JSON":       func(s string) string { return each([]rune(s), `\\u%04x`) },
	"HTML":             html.EscapeString,
	"HTML by number":   func(s string) string { return each([]rune(s), "&#x%X;") },
	"base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 raw":       func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":       func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 in a text": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("a" + s + "b")) },
	"base64 in a pair": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("ab" + s)) },
}

func each[T byte | rune](all []T, format string) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// places are where upstream echoes a text, as whole HTTP answers. Those that are broken must not be quoted.
var places = map[string]func(echo string) string{
	"JSON":       func(e string) string { return answer("Content-Type: application/json\r\n", `{"message": "`+e+`"}`) },
	"plain text": func(e string) string { return answer("Content-Type: text/plain\r\n", "you sent "+e) },
	"HTML":       func(e string) string { return answer("Content-Type: text/html\r\n", "<p>"+e+"</p>") },
	"a header":   func(e string) string { return answer("X-Echo: "+e+"\r\n", "{}") },
	"Location":   func(e string) string { return answer("Location: https://verify.twilio.com/?t="+e+"\r\n", "{}") },
	"Set-Cookie": func(e string) string { return answer("Set-Cookie: t="+e+"; Path=/\r\n", "{}") },
	"the reason": func(e string) string { return strings.Replace(answer("", "{}"), "OK", e, 1) },
	"gzip": func(e string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, `{"message": "`+e+`"}`)
		_ = z.Close()
		return answer("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", b.String())
	},
	"an unknown encoding": func(e string) string { return answer("Content-Encoding: br\r\n", e) },
	"not UTF-8":           func(e string) string { return answer("", "\xff\xfe"+e) },
	"a trailer": func(e string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\n{}\r\n0\r\nX-T: " + e + "\r\n\r\n"
	},
	"a broken body":   func(e string) string { return "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + e },
	"a broken chunk":  func(e string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + e + "\r\n" },
	"a broken header": func(e string) string { return "HTTP/1.1 200 OK\r\n" + e + "\r\n\r\n" },
	"a broken status": func(e string) string { return "HTTP/1.1 " + e + "\r\n\r\n" },
	"no HTTP":         func(e string) string { return e + "\r\n\r\n" },
	"more than asked": func(e string) string { return answer("", "{}") + e + e + e },
	"an early hint":   func(e string) string { return "HTTP/1.1 103 Early Hints\r\nLink: " + e + "\r\n\r\n" + answer("", "{}") },
	"a broken trailer": func(e string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + e + "\r\n\r\n"
	},
}

func answer(headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// echoing answers each request with the bytes that the request asks for in its query, by number.
func echoing(t *testing.T, answers *[]string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				var n int
				if _, err := fmt.Sscan(req.URL.Query().Get("n"), &n); err == nil {
					_, _ = io.WriteString(c, (*answers)[n])
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestNoCredentialReachesTheDiskTheLogOrTheErrors(t *testing.T) {
	dir := t.TempDir()
	tape := filepath.Join(dir, "leak.yaml")
	var answers []string
	p := start(t, "record", "--cassette", tape, "--upstream", echoing(t, &answers), "--log-level", "debug", "--log-format", "json")
	recorded, refused := 0, 0
	for _, c := range canaries {
		for _, secret := range c.secrets {
			for _, encode := range encodings {
				for place, echo := range places {
					text := encode(secret)
					if strings.ContainsAny(text, "\"<ö ") && place != "plain text" { // it would break the JSON or the header
						text = url.QueryEscape(text)
					}
					answers = append(answers, echo(text))
					status, body := get(t, p.url, len(answers)-1, c.authorize)
					want := answers[len(answers)-1]
					switch {
					case status == http.StatusBadGateway:
						refused++
						if strings.Contains(body, text) {
							t.Errorf("%s in %s: the answer quotes upstream: %s", c.name, place, body)
						}
					case !strings.Contains(want, body):
						t.Errorf("%s in %s: the client got %q, not what upstream sent, %q", c.name, place, body, want)
					default:
						recorded++
					}
				}
			}
		}
	}
	if code := p.end(t, syscall.SIGTERM); code != 3 { // for the unknown encoding
		t.Errorf("exit code %d", code)
	}

	// A replay, with misses, that carries them too.
	texts := map[string]string{"the record's log": p.stderr.String()}
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("match: {headers: [X-Echo]}\nfault: 'rate=0.2,status=429'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, report := range []string{"report.json", "report.xml"} {
		player := start(t, "replay", "--cassette", tape, "--cassette-dir", dir, "--config", settings, "--strict", "--report", filepath.Join(dir, report), "--log-level", "debug")
		for _, c := range canaries {
			for _, secret := range c.secrets {
				form := url.Values{"Status": {secret}}.Encode()
				for _, session := range []string{"", "leak", "none", "none/" + secret} {
					_, body, err := call(player.url, form, func(r *http.Request) {
						c.authorize(r)
						r.Header.Set("X-Echo", secret)
						if session != "" {
							r.Header.Set("X-Vcr-Cassette", url.PathEscape(session))
						}
					})
					if err != nil || strings.Contains(body, secret) {
						t.Errorf("%s: the miss is %q, %v", c.name, body, err)
					}
				}
			}
		}
		if code := player.end(t, syscall.SIGTERM); code != 4 {
			t.Errorf("exit code %d", code)
		}
		texts["the replay's log, with "+report] = player.stderr.String()
	}
	collect(t, dir, texts)
	stock, err := cassette.Load(strings.TrimSuffix(tape, ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range stock.Interactions { // as a reader sees it, YAML's own escapes undone
		texts[fmt.Sprintf("interaction %d", it.ID)] = fmt.Sprintf("%+v", *it)
	}
	secrets := 0
	for _, c := range canaries {
		for _, secret := range c.secrets {
			secrets++
			for encoding, encode := range encodings {
				for place, text := range texts {
					if strings.Contains(text, encode(secret)) || strings.Contains(text, url.QueryEscape(encode(secret))) {
						t.Errorf("the %s is in %s, encoding %s", c.name, place, encoding)
					}
				}
			}
		}
	}
	if recorded < 1000 || refused < 500 {
		t.Errorf("only %d answers came through, %d were refused", recorded, refused)
	}
	t.Logf("%d canaries, %d encodings, %d places: %d answers came through, %d were broken and refused, %d texts were searched", secrets, len(encodings), len(places), recorded, refused, len(texts))
}

// get asks for answer n.
func get(t *testing.T, base string, n int, authorize func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", fmt.Sprintf("%s/v2?n=%d", base, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	authorize(req)
	status, body, err := send(req)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

// collect reads all files below dir.
func collect(t *testing.T, dir string, texts map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		texts[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
