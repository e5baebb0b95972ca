package cassettes

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// linted returns what is found in the built-in example after edit has changed its first interaction.
func linted(t *testing.T, edit func(*cassette.Interaction)) []Finding {
	t.Helper()
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	edit(c.Interactions[0])
	for _, it := range c.Interactions {
		if _, err := w.Append(it, nothingToCheck); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return Lint(file, &redact.Policy{})
}

func TestLintFindsNothingInTheBuiltInExample(t *testing.T) {
	if findings := linted(t, func(*cassette.Interaction) {}); len(findings) > 0 {
		t.Errorf("found %v", findings)
	}
}

func TestLintFindsWhatIsWrongAndWhere(t *testing.T) {
	body := func(old, new string) func(*cassette.Interaction) {
		return func(it *cassette.Interaction) {
			if !strings.Contains(it.Response.Body, old) {
				t.Fatalf("%q is not in the example", old)
			}
			it.Response.Body = strings.Replace(it.Response.Body, old, new, 1)
		}
	}
	header := func(name, value string) func(*cassette.Interaction) {
		return func(it *cassette.Interaction) { it.Request.Headers.Set(name, value) }
	}
	for name, c := range map[string]struct {
		edit  func(*cassette.Interaction)
		rule  Rule
		place string
		what  string
	}{
		"a live password":    {header("Authorization", "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg=="), Unredacted, "request header Authorization", "credential is readable"},
		"a live bearer":      {header("Authorization", "Bearer abc.def.ghi"), Unredacted, "request header Authorization", "credential is readable"},
		"a cookie":           {header("Cookie", "a=b"), Unredacted, "request header Cookie", "credential is readable"},
		"a live account SID": {body("AC00000000000000000000b288f9282c0f", "AC0123456789abcdef0123456789abcdef"), Unredacted, "response JSON body", "SID of an account or an API key is readable"},
		"a phone number":     {body("+15005550006", "+15017122661"), Unredacted, "response JSON $.to", "phone number or e-mail address is readable"},
		"a token":            {body(`"sna": null`, `"sna": {"url": "https://mi.dnlsrv.com/m/id/ANBByzx7?data=AAAg"}`), Unredacted, "response JSON $.sna.url", "URL that may hold a secret is readable"},
		"a seed":             {body(`"sna": null`, `"binding": {"secret": "GEZDGNBVGY3TQOJQ"}`), Unredacted, "response JSON $.binding.secret", "credential is readable"},
		"a code":             {func(it *cassette.Interaction) { it.Request.Body += "&CustomCode=482913" }, Unredacted, "request form CustomCode", "code is readable"},
		"a name in base64":   {header("X-Debug", "eyJ0byI6ICIrMTUwMTcxMjI2NjEifQ=="), Unredacted, "request header X-Debug", "base64 of a credential or a personal value is readable"},
		"too many escapes":   {header("X-Debug", "%2525252B15017122661"), Unreadable, "", "request.headers: a credential or a personal value"},
		"a status":           {body(`"status": "approved"`, `"status": "done"`), Shape, "response JSON", "$.status must be one of pending, approved"},
		"a type":             {body(`"valid": true`, `"valid": "true"`), Shape, "response JSON", "$.valid must be true or false, but it is of the type string"},
		"a SID":              {body("VLaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VL1"), Shape, "response JSON", "$.send_code_attempts[0].attempt_sid must be VL and 32 hexadecimal digits"},
		"a date":             {body("2015-07-30T20:00:00Z", "Thu, 30 Jul 2015"), Shape, "response JSON", "$.date_created must be a date and time in ISO 8601"},
		"no JSON":            {func(it *cassette.Interaction) { it.Response.Body = "OK" }, Shape, "response JSON", "the answer is no JSON object"},
		"a wrong Status":     {func(it *cassette.Interaction) { it.Request.Body = "Status=done" }, Contract, "request", "the form field Status must be canceled or approved; yet the answer is no error"},
		"a fragment":         {func(it *cassette.Interaction) { it.Request.URL += "#x" }, Unmatchable, "request URL", "it has a fragment"},
		"a user": {func(it *cassette.Interaction) {
			it.Request.URL = strings.Replace(it.Request.URL, "//", "//REDACTED@", 1)
		}, Unmatchable, "request URL", "it has a user or a password"},
		"no URL":              {func(it *cassette.Interaction) { it.Request.URL = "http://[" }, Unmatchable, "request URL", "it is no URL"},
		"no method":           {func(it *cassette.Interaction) { it.Request.Method = "PO ST" }, Unmatchable, "request method", "it is no HTTP method"},
		"an unknown encoding": {func(it *cassette.Interaction) { it.Response.Headers.Set("Content-Encoding", "br") }, Unreadable, "", "response: the body's Content-Encoding can't be decoded, so it can't be looked into"},
	} {
		t.Run(name, func(t *testing.T) {
			findings := linted(t, c.edit)
			if !slices.ContainsFunc(findings, func(f Finding) bool {
				return f.Interaction == 0 && f.Rule == c.rule && f.Place == c.place && strings.Contains(f.Problem, c.what) && !f.Note
			}) {
				t.Errorf("found %+v, want %s %s: %s", findings, c.rule, c.place, c.what)
			}
			for _, f := range findings {
				if f.Interaction != 0 && !f.Note {
					t.Errorf("%s is found too", f)
				}
			}
		})
	}
}

func TestLintNotesWhatIsAskedForAlike(t *testing.T) {
	findings := linted(t, func(it *cassette.Interaction) { // the second one is "canceled"
		it.Request.Body, it.Request.Form = "Status=canceled", nil
	})
	if len(findings) != 1 || !findings[0].Note || findings[0].String() != "note: "+findings[0].File+": interaction 0: request: 2 interactions are asked for alike, the last is 1; they answer in this order, with --play once each once" {
		t.Errorf("found %v", findings)
	}
}

func TestLintLooksIntoCompressedBodiesAndComments(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"to": "+15017122661"}`)
	_ = z.Close()
	findings := linted(t, func(it *cassette.Interaction) {
		it.Response.Body = packed.String()
		it.Response.Headers.Set("Content-Encoding", "gzip")
	})
	if text := fmt.Sprint(findings); !strings.Contains(text, "response JSON $.to: phone number or e-mail address is readable") {
		t.Errorf("found %s", text)
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, string(example)+"# of AC0123456789abcdef0123456789abcdef\n")
	if text := fmt.Sprint(Lint(file, &redact.Policy{})); !strings.Contains(text, "comment in line") {
		t.Errorf("found %s", text)
	}
}

func TestLintKnowsWhatStockGoVCRMakesOfAFile(t *testing.T) {
	const head, item = "version: 2\ninteractions:\n", "- {request: {method: GET, url: /}, response: {code: 200}}\n"
	for _, c := range []struct{ name, text, want string }{
		{"c.yaml", head + item, "[]"},
		{"c.yaml", "version: 1\ninteractions: []\n", `[unreadable c.yaml: line 1: version 1 of the cassette format can't be read`},
		{"c.yaml", head + strings.Replace(item, "200", "ok", 1), "[unreadable c.yaml: line 3: interaction 0: response.code is text"},
		{"c.yaml", string(example[:len(example)-100]), "[cut-off c.yaml"},
		{"c.yaml", strings.Replace(string(example), "approved", "canceled", 1), "[edited note: c.yaml: line 6: interaction 0 was changed after it was recorded"},
		{"c.yaml", head, "[edited note: c.yaml: it holds no interactions"},
		{"c.yml", head + item, "[stock note: c.yml: stock go-vcr reads only files whose names end in .yaml"},
		{"c.yaml", head + strings.Replace(item, "url: /", `url: /, body: "\n\n x"`, 1), "[stock note: c.yaml: interaction 0: request body: stock go-vcr changes it when it saves the file"},
		{"c.yaml", head + strings.Replace(item, "url: /", `url: /, body: "\tx\ny"`, 1), "[stock c.yaml: interaction 0: stock go-vcr can't read it again once it has saved the file"},
	} {
		t.Chdir(t.TempDir())
		write(t, c.name, c.text)
		var got []string
		for _, f := range Lint(c.name, &redact.Policy{}) {
			got = append(got, string(f.Rule)+" "+f.String())
		}
		if text := fmt.Sprint(got); !strings.HasPrefix(text, c.want) {
			t.Errorf("%q: found %s, want %s", c.text, text, c.want)
		}
	}
}

func TestWhatIsNoCassetteIsPassedOverInAFolderOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), "services: {}\n")
	write(t, filepath.Join(dir, "a.yaml"), string(example))
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".git", "b.yaml"), string(example))
	files, err := Find([]string{dir, filepath.Join(dir, "compose.yaml")})
	if err != nil || !slices.Equal(files, []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "compose.yaml")}) {
		t.Errorf("found %v, %v", files, err)
	}
	if findings := Lint(files[1], &redact.Policy{}); len(findings) != 1 || !strings.Contains(findings[0].Problem, "no go-vcr cassette") {
		t.Errorf("found %v", findings)
	}
	if _, err := Find([]string{filepath.Join(dir, "nothing")}); err == nil {
		t.Error("a file that is not there is found")
	}
}

// stockCassette saves, with stock go-vcr, a cassette that has much to redact, with a mode of its own.
func stockCassette(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stock")
	c := cassette.New(name)
	for i := range 3 {
		c.AddInteraction(&cassette.Interaction{
			Request: cassette.Request{
				Method: "POST", URL: "https://verify.twilio.com/v2/Services/VA0123456789abcdef0123456789abcdef/Verifications", Body: "To=%2B15017122661&Channel=sms",
				Form:    map[string][]string{"To": {"+15017122661"}, "Channel": {"sms"}},
				Headers: http.Header{"Authorization": {"Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpzM2NyM3RzM2NyM3Q="}, "Content-Type": {formMedia}},
			},
			Response: cassette.Response{Code: 201 + i%2, Body: fmt.Sprintf(`{"to": "+15017122661", "account_sid": "AC0123456789abcdef0123456789abcdef", "n": %d}`, i), Headers: http.Header{"Content-Type": {"application/json"}}},
		})
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name+".yaml", 0o640); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(name+".yaml", old, old); err != nil {
		t.Fatal(err)
	}
	return name + ".yaml"
}

func TestRedactCleansAnOldCassette(t *testing.T) {
	file := stockCassette(t)
	findings, err := Redact(file, &redact.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) < 9 || !strings.Contains(findings[0].String(), "interaction 0: request header Authorization: credential was taken out") {
		t.Errorf("it says %v", findings)
	}
	text := readFile(t, file)
	for _, secret := range []string{"15017122661", "0123456789abcdef0123456789abcdef:", "AC0123456789abcdef0123456789abcdef", "QUMwMT", "s3cr3t"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is left in\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "# recorded 2020-01-02T03:04:05Z") {
		t.Error("when it was recorded is not on it")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	onlyFile(t, file)
	if findings := slices.DeleteFunc(Lint(file, &redact.Policy{}), func(f Finding) bool { return f.Note }); len(findings) > 0 {
		t.Errorf("lint finds %v", findings)
	}
	stock, err := cassette.Load(strings.TrimSuffix(file, ".yaml"))
	if err != nil || len(stock.Interactions) != 3 || stock.Interactions[2].Response.Body != `{"to": "+15005550006", "account_sid": "AC00000000000000000000b363ade84d56", "n": 2}` {
		t.Errorf("stock go-vcr reads %+v, %v", stock, err)
	}

	before := readFile(t, file)
	if findings, err := Redact(file, &redact.Policy{}); err != nil || len(findings) > 0 || readFile(t, file) != before {
		t.Errorf("a second time it took out %v, %v", findings, err)
	}
	policy := &redact.Policy{}
	policy.AllSIDs()
	if _, err := Redact(file, policy); err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, file); strings.Count(text, "# recorded 2020-01-02T03:04:05Z") != 3 || strings.Contains(text, "VA0123456789") {
		t.Errorf("got\n%s", text)
	}
}

func TestRedactLeavesAloneWhatItCanNotDo(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(string) string
		want  string
	}{
		"a body that can't be decoded": {func(s string) string {
			return strings.Replace(s, "Content-Type:\n                - application/json\n", "Content-Encoding:\n                - br\n", 1)
		}, "interaction 0: response: the body's Content-Encoding can't be decoded, so it can't be looked into; record it anew"},
		"what is escaped too often": {func(s string) string { return strings.Replace(s, "sms", "%2525252B4917012345678", 1) }, "interaction 0: request.body: a credential or a personal value of this exchange is left in it"},
		"a broken cassette":         {func(s string) string { return strings.Replace(s, "code: 201", "code: [", 1) }, "it is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			file := stockCassette(t)
			spoiled := c.spoil(readFile(t, file))
			write(t, file, spoiled)
			_, err := Redact(file, &redact.Policy{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "4917012345678") {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if readFile(t, file) != spoiled {
				t.Error("the file has changed")
			}
			onlyFile(t, file)
		})
	}
	torn := recorded(t, 2)
	cut(t, torn, 60)
	before := readFile(t, torn)
	if _, err := Redact(torn, &redact.Policy{}); err == nil || !strings.Contains(err.Error(), "is cut off; end it in order first") || readFile(t, torn) != before {
		t.Errorf("got %v", err)
	}
}
