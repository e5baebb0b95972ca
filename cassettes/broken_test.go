package cassettes

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// whole is a cassette in which nothing is wrong. Each of its values is a secret.
const whole = `---
version: 2
interactions:
    - id: 0
      request:
        proto: s3cr3t
        proto_major: 1
        content_length: 6
        transfer_encoding: []
        trailer: {}
        host: s3cr3t
        body: s3cr3t
        form:
            s3cr3t:
                - s3cr3t
        headers:
            X-A:
                - s3cr3t
        url: https://s3cr3t/
        method: POST
      response:
        transfer_encoding: []
        trailer: {}
        content_length: 6
        uncompressed: false
        body: s3cr3t
        headers:
            X-A:
                - s3cr3t
            X-B:
                - s3cr3t
        status: s3cr3t
        code: 200
        duration: 1ms
    - id: 1
      request:
        body: s3cr3t
        url: https://s3cr3t/
        method: POST
      response:
        body: s3cr3t
        code: 200
`

// edited returns whole with one edit, which must be one.
func edited(old, new string) string {
	text := strings.Replace(whole, old, new, 1)
	if text == whole {
		panic("no edit: " + old)
	}
	return text
}

func utf16LE(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteString(string([]byte{byte(u), byte(u >> 8)}))
	}
	return b.String()
}

func gzipped(text string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// laughs are aliases of aliases: a billion values, if they were unfolded.
func laughs() string {
	text := "x0: &x0 [s3cr3t]\n"
	for i := 1; i < 10; i++ {
		text += fmt.Sprintf("x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
	}
	return text
}

// broken are files that somebody has edited, cut or mistaken for a cassette, and some that are right.
var broken = []struct{ name, text string }{
	{"whole", whole},
	{"an end", whole + "...\n"},
	{"CRLF", strings.ReplaceAll(whole, "\n", "\r\n")},
	{"a byte order mark", "\ufeff" + whole},
	{"UTF-16 with a byte order mark", "\xff\xfe" + utf16LE(whole)},
	{"UTF-16 without", utf16LE(whole)},
	{"an alias", edited("body: s3cr3t", "body: &b s3cr3t") + "    - request: {method: GET, url: /, body: *b}\n      response: {code: 200}\n"},

	{"empty", ""},
	{"only comments", "# s3cr3t\n# s3cr3t\n"},
	{"a start and no document", "---\n"},
	{"text", "s3cr3t\n"},
	{"a list", "- s3cr3t\n"},
	{"a number", "5\n"},
	{"a HAR file", `{"log": {"version": "1.2", "entries": [{"request": {"url": "s3cr3t"}}]}}`},
	{"an OpenAPI file", "openapi: 3.0.1\ninfo:\n  version: s3cr3t\npaths: {}\n"},
	{"half a JSON file", "{\n  \"log\": {\n    \"version\": \"1.2\",\n"},
	{"gzip", gzipped(whole)},

	{"version 1", edited("version: 2", "version: 1")},
	{"version two", edited("version: 2", "version: two")},
	{"version in quotes", edited("version: 2", `version: "2"`)},
	{"version is empty", edited("version: 2", "version:")},
	{"no version", edited("version: 2\n", "")},
	{"no interactions", "---\nversion: 2\n"},
	{"interactions is empty", "---\nversion: 2\ninteractions:\n"},
	{"interactions is a mapping", "---\nversion: 2\ninteractions:\n  s3cr3t: s3cr3t\n"},
	{"interactions is text", "---\nversion: 2\ninteractions: s3cr3t\n"},
	{"a null item", whole + "    - null\n"},
	{"an empty item", whole + "    -\n"},
	{"an item that is text", whole + "    - s3cr3t\n"},
	{"an item that is a list", whole + "    - - s3cr3t\n"},

	{"id is text", edited("id: 1", "id: s3cr3t")},
	{"request is text", whole + "    - request: s3cr3t\n"},
	{"request is empty", whole + "    - request:\n      response:\n        code: 200\n"},
	{"response is a list", whole + "    - request:\n        method: GET\n        url: /\n      response:\n        - s3cr3t\n"},
	{"headers is a list", edited("headers:\n            X-A:\n                - s3cr3t\n        url", "headers:\n            - s3cr3t\n        url")},
	{"a header is text", edited("X-B:\n                - s3cr3t", "X-B: s3cr3t")},
	{"a header's list has a mapping", edited("X-B:\n                - s3cr3t", "X-B:\n                - s3cr3t: s3cr3t")},
	{"trailer is a list", edited("trailer: {}", "trailer: [s3cr3t]")},
	{"body is a mapping", edited("body: s3cr3t", "body: {s3cr3t: s3cr3t}")},
	{"body is no base64", edited("body: s3cr3t", "body: !!binary s3cr3t!")},
	{"body has a tag", edited("body: s3cr3t", "body: !s3cr3t s3cr3t")},
	{"url is a list", edited("url: https://s3cr3t/", "url: [https://s3cr3t/]")},
	{"status is a mapping", edited("status: s3cr3t", "status: {s3cr3t: 1}")},
	{"form is text", edited("form:\n            s3cr3t:\n                - s3cr3t\n", "form: a=s3cr3t\n")},
	{"transfer_encoding is a mapping", edited("transfer_encoding: []", "transfer_encoding: {s3cr3t: 1}")},
	{"transfer_encoding is text", edited("transfer_encoding: []", "transfer_encoding: s3cr3t")},
	{"content_length is text", edited("content_length: 6", "content_length: s3cr3t")},
	{"content_length has a comma", edited("content_length: 6", "content_length: 335,335s3cr3t")},
	{"uncompressed is a number", edited("uncompressed: false", "uncompressed: 7")},
	{"proto_major is too large", edited("proto_major: 1", "proto_major: 99999999999999999999")},
	{"duration is text", edited("duration: 1ms", "duration: fast s3cr3t")},
	{"code is text", edited("code: 200", "code: s3cr3t")},
	{"code is in quotes", edited("code: 200", `code: "200"`)},
	{"code 0", edited("code: 200", "code: 0")},
	{"code 99", edited("code: 200", "code: 99")},
	{"code 1000", edited("code: 200", "code: 1000")},
	{"no code", edited("        code: 200\n", "")},
	{"no method", edited("        method: POST\n", "")},
	{"method is empty", edited("method: POST", "method:")},
	{"no url", edited("        url: https://s3cr3t/\n", "")},

	{"a name twice", edited("        method: POST\n", "        method: POST\n        host: s3cr3t\n")},
	{"a header twice", edited("X-B:", "X-A:")},
	{"interactions twice", whole + "interactions: []\n"},
	{"a tab before a name", edited("        method: POST", "\tmethod: POST")},
	{"a tab within the indentation", edited("        method: POST", "      \t  method: POST")},
	{"a quote that is not closed", edited("status: s3cr3t", `status: "s3cr3t`)},
	{"a single quote that is not closed", edited("status: s3cr3t", `status: 's3cr3t`)},
	{"text behind a quote", edited("status: s3cr3t", `status: "s3cr3t" s3cr3t`)},
	{"a list that is not closed", edited("status: s3cr3t", `status: [s3cr3t`)},
	{"a wrong escape", edited("status: s3cr3t", `status: "s3cr3t\q"`)},
	{"a colon in a value", edited("status: s3cr3t", "status: s3cr3t: s3cr3t")},
	{"no colon", edited("status: s3cr3t", "status s3cr3t")},
	{"an @ before a value", edited("status: s3cr3t", "status: @s3cr3t")},
	{"a * before a value", edited("status: s3cr3t", "status: *s3cr3t")},
	{"indented too little", edited("        status", "       status")},
	{"indented too much", edited("        status", "          status")},
	{"an item that is indented wrong", edited("    - id: 1", "   - id: 1")},
	{"a line of text", whole + "s3cr3t\n"},
	{"a merge conflict", edited("        status: s3cr3t\n", "<<<<<<< HEAD\n        status: s3cr3t\n=======\n        status: OK\n>>>>>>> main\n")},

	{"bad UTF-8", edited("status: s3cr3t", "status: s3cr3t\xff")},
	{"bad UTF-8 in quotes", edited("status: s3cr3t", "status: \"s3cr3t\xc3\"")},
	{"bad UTF-8 in a comment", whole + "# s3cr3t \xff\n"},
	{"a surrogate", edited("status: s3cr3t", "status: s3cr3t\xed\xa0\x80")},
	{"a NUL byte", edited("status: s3cr3t", "status: s3cr3t\x00")},
	{"an escape character in quotes", edited("status: s3cr3t", "status: \"s3cr3t\x1b[0m\"")},

	{"two documents", whole + whole},
	{"a document before", "a: s3cr3t\n" + whole},
	{"a comment that begins a document", whole + "--- # s3cr3t\na: s3cr3t\n"},
	{"text behind the end", whole + "...\ns3cr3t\n"},
	{"a tab behind the end", whole + "...\n\t}\n"},
	{"only comments behind the end", whole + "...\n# s3cr3t\n"},

	{"a billion laughs", "version: 2\n" + laughs() + "interactions: *x9\n"},
	{"a billion laughs in a header", "version: 2\n" + laughs() + "interactions:\n- request: {method: GET, url: /, headers: {X: *x9}}\n  response: {code: 200}\n"},
	{"many aliases of a list", "version: 2\nx: &x [" + strings.Repeat("s,", 20000) + "s]\ninteractions:\n" + strings.Repeat("- request: {method: GET, url: /, headers: {A: *x, B: *x, C: *x}}\n  response: {code: 200}\n", 20)},
	{"an item behind a bare CR", "version: 2\ninteractions:\n\r- s3cr3t"},
	{"an alias of itself", "version: 2\ninteractions: &x\n- request: {method: GET, url: /, headers: *x}\n"},
	{"an anchor within itself", edited("        trailer: {}", "        trailer: &x {A: [*x]}")},
	{"10,000 levels", edited("body: s3cr3t", "body: "+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000))},
	{"more levels", edited("body: s3cr3t", "body: "+strings.Repeat("[", 100_000))},
	{"too many names", edited("trailer: {}", "trailer: {"+strings.Repeat("a: [],", 20_000)+"}")},
}

// report returns what a user is told of a file: how much could be read, with the notices, or the error. That the
// end mark is missing goes without saying here.
func report(file string) string {
	c, err := Load(file)
	if err != nil {
		return "error: " + err.Error()
	}
	said := fmt.Sprintf("%d interactions", len(c.Interactions))
	for _, n := range c.Notices {
		if !strings.Contains(n, "the end mark is missing") {
			said += "\n    " + n
		}
	}
	return said
}

func TestWhatIsWrongWithACassetteIsSaid(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var got strings.Builder
	tell := func(text, first string) string {
		start, bom := time.Now(), strings.HasPrefix(text, "\ufeff")
		text = first + strings.TrimPrefix(text, "\ufeff")
		if bom {
			text = "\ufeff" + text
		}
		write(t, "c.yaml", text)
		said := report("c.yaml")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v to say %s", took, said)
		}
		if strings.Contains(said, "s3cr3t") {
			t.Errorf("a value is repeated: %s", said)
		}
		if !strings.HasPrefix(said, "error") {
			return said
		}
		if _, _, err := Append("c.yaml"); err == nil || readFile(t, "c.yaml") != text {
			t.Errorf("Append says %v where Load says %s", err, said)
		}
		return said
	}
	for _, b := range broken {
		fmt.Fprintf(&got, "%s\n    %s\n", b.name, tell(b.text, ""))
		// A file of ours says the same as one with another comment in its first line, or is shown too.
		if marked := tell(b.text, magic+"\n"); marked != tell(b.text, "# a comment\n") {
			fmt.Fprintf(&got, "  with our first line\n    %s\n", marked)
		}
	}
	if err := os.Mkdir("folder.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"folder.yaml", "none.yaml", "c.yaml/none.yaml", "/dev/null"} {
		fmt.Fprintf(&got, "%s\n    %s\n", file, report(file))
	}
	t.Chdir(dir) // where the golden files are
	golden(t, "broken.txt", got.String())
}

func TestACassetteThatMayNotBeReadIsSaid(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, whole)
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if want := "error: " + file + ": it can't be read: permission denied; give yourself the right to read it, or name another file"; report(file) != want {
		t.Errorf("got %s, want %s", report(file), want)
	}
}

// FuzzLoad checks that no file makes Load panic, and that what it reads is what stock go-vcr reads, if stock reads
// the file at all. Stock refuses more (a bad character in a comment between interactions), and reads no further
// than the first document, of which Load says so. What was cut off at the end, neither reads.
func FuzzLoad(f *testing.F) {
	for _, b := range broken {
		if len(b.text) < 8<<10 {
			f.Add([]byte(b.text))
			f.Add([]byte(magic + "\n" + b.text))
		}
	}
	for _, text := range wild {
		f.Add([]byte(header + strings.Repeat(text, 4)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		name := filepath.Join(t.TempDir(), "c")
		write(t, name+".yaml", string(text))
		c, err := Load(name + ".yaml")
		if err != nil {
			return
		}
		for i, it := range c.Interactions {
			if it.Request.Method == "" || it.Request.URL == "" || it.Response.Code < 200 || it.Response.Code > 999 {
				t.Errorf("interaction %d can't be replayed: %+v", i, it)
			}
		}
		stock, err := cassette.Load(name)
		if err != nil {
			return
		}
		if len(stock.Interactions) != len(c.Interactions) {
			t.Fatalf("%d interactions, and stock go-vcr reads %d", len(c.Interactions), len(stock.Interactions))
		}
		for i, it := range stock.Interactions {
			if place := firstDifference(c.Interactions[i], it); place != "" {
				t.Errorf("interaction %d: stock go-vcr reads another %s", i, place)
			}
		}
	})
}
