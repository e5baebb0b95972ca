package config

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func load(t *testing.T, mode Mode, file string, env, flags map[string]string) (*Config, error) {
	t.Helper()
	given := map[string][]string{}
	for name, value := range flags {
		given[name] = []string{value}
	}
	return Load(mode, Sources{File: file, Flags: given, Getenv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := load(t, Replay, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join([]string{c.Listen, c.Upstream.String(), c.Cassette, c.Play, c.Latency.String(), fmt.Sprint(c.Faults, c.Seed), c.LogFormat, c.LogLevel}, " ")
	if want := "127.0.0.1:4010 https://verify.twilio.com  last none [] 1 console info"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFlagsWinThenTheEnvironmentThenTheFile(t *testing.T) {
	env := map[string]string{"TWILIO_VCR_PLAY": "once", "TWILIO_VCR_LOG_LEVEL": "warn", "TWILIO_VCR_LATENCY": ""}
	flags := map[string]string{"log-level": "error"}
	file := write(t, DefaultFile, "play: loop\nlog-level: debug\nlatency: recorded\ncassette: a.yaml\nappend: true\n")
	for _, name := range []string{"", file} {
		c, err := load(t, Replay, name, env, flags)
		if err != nil {
			t.Fatal(err)
		}
		if c.LogLevel != "error" || c.Play != "once" || c.Latency.String() != "recorded" || c.Cassette != "a.yaml" || !c.Append {
			t.Errorf("got %+v", c)
		}
	}
}

func TestAWrongFileNamesItsLineAndKey(t *testing.T) {
	for text, want := range map[string]string{
		"play: once\nplai: last\n":                 "c.yaml:2: plai: there is no such setting; the one that is most like it is play",
		"\nplay: [once]\n":                         "c.yaml:2: play: expected text, got a list",
		"play:\n  a: b\n":                          "c.yaml:1: play: expected text, got a mapping",
		"listen: 4010\n":                           "c.yaml:1: listen: expected text, got a number",
		"append: yes please\n":                     "c.yaml:1: append: expected true or false, got text",
		"append: 1\n":                              "c.yaml:1: append: expected true or false, got a number",
		"cassette:\n":                              "c.yaml:1: cassette: expected text, got nothing",
		"play: sometimes\n":                        `c.yaml:1: play: "sometimes" is none of last, once and loop`,
		"play: once\n\nplay: last\n":               "c.yaml:3: play is set a second time; the first is in line 1",
		"- play\n":                                 "c.yaml:1: this is no list of settings",
		"play: \"once\n":                           "c.yaml:2: found unexpected end of stream",
		"a: &x once\nplay: *x\n":                   "c.yaml:1: a: there is no such setting",
		"play: &x once\nlog-level: *x\n":           "c.yaml:2: log-level: expected text, got an alias",
		"upstream: https://user:s3cr3t@h/\n":       "c.yaml:1: upstream: the URL holds a user name or password",
		"upstream: \"https://s3cr3t:%zz@h/\"\n":    "c.yaml:1: upstream: the value is no URL of an upstream",
		"upstream: ftp://verify.twilio.com\n":      "c.yaml:1: upstream: the value is no URL of an upstream",
		"upstream: verify.twilio.com\n":            "c.yaml:1: upstream: the value is no URL of an upstream",
		"upstream: \"https://:443\"\n":             "c.yaml:1: upstream: the value is no URL of an upstream",
		"upstream: https://verify.twilio.com/?a\n": "c.yaml:1: upstream: the URL has a query",
		"seed: one\n":                              "c.yaml:1: seed: expected a number, got text",
		"seed: 1.5\n":                              `c.yaml:1: seed: "1.5" is no whole number from 0 up; write one such as 1`,
		"latency: 300\n":                           "c.yaml:1: latency: expected text, got a number",
		"latency: 300ms±1s\n":                      `c.yaml:1: latency: "300ms±1s" would be less than nothing at times`,
		"fault: {nth: 3}\n":                        "c.yaml:1: fault: expected text, got a mapping",
		"fault: nth=3\n":                           "c.yaml:1: fault: the fault does nothing; add",
		"\nfault:\n  - drop\n\n  - nth=0,drop\n":   `c.yaml:5: fault: nth: "0" is none of 1, 2, 3 and so on`,
		"fault:\n  - drop\n  - 7\n":                "c.yaml:3: fault: expected text, got a number",
		"tls: https\n":                             "c.yaml:1: tls: expected true or false, got text",
		"listen: \"unix:\"\n":                      `c.yaml:1: listen: "unix:" is no Unix socket; write unix:PATH`,
		"listen: \"unix:a\\0b\"\n":                 `c.yaml:1: listen: "unix:a\x00b" is no Unix socket`,
		"listen: nowhere\n":                        `c.yaml:1: listen: "nowhere" is no address; write HOST:PORT`,
		"listen: \"127.0.0.1:99999\"\n":            `c.yaml:1: listen: "127.0.0.1:99999" is no address`,
	} {
		file := write(t, "c.yaml", text)
		_, err := load(t, Replay, file, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: the error repeats a secret", text)
		}
	}
}

func TestRulesOfRedactionComeFromTheFile(t *testing.T) {
	for _, text := range []string{
		"redact:\n  sids: all\n  headers: [X-Tenant]\n  fields: [ref]\n  json: [\"$.a.b\"]\n  pattern:\n    - match: 'cust-\\d+'\n      with: cust-0\n  allow: [tags]\n",
		"redact.sids: all\nredact.headers: [X-Tenant]\nredact.fields: [ref]\nredact.json: [a.b]\nredact.pattern: [{match: 'cust-\\d+', with: cust-0}]\nredact.allow: [tags]\n",
	} {
		c, err := load(t, Replay, write(t, "c.yaml", text), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		it := &cassette.Interaction{
			Request: cassette.Request{
				URL:     "https://verify.twilio.com/v2/Services/VA0123456789abcdef0123456789abcdef?ref=x&q=cust-12&tags=y",
				Headers: http.Header{"X-Tenant": {"acme"}},
			},
			Response: cassette.Response{Body: `{"a": {"b": "jane"}}`},
		}
		c.Redact.Interaction(it)
		if want := "https://verify.twilio.com/v2/Services/" + redact.Pseudonym("VA0123456789abcdef0123456789abcdef") + "?ref=redacted&q=cust-0&tags=y"; it.Request.URL != want {
			t.Errorf("got %s, want %s", it.Request.URL, want)
		}
		if it.Response.Body != `{"a": {"b": "redacted"}}` || it.Request.Headers.Get("X-Tenant") != redact.Placeholder {
			t.Errorf("got %s, %v", it.Response.Body, it.Request.Headers)
		}
	}
}

func TestARuleThatCanNotWorkIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"redact:\n  sids: some\n":                                      `c.yaml:2: redact.sids: "some" is none of credentials and all`,
		"redact:\n  sid: all\n":                                        "c.yaml:2: redact.sid: there is no such setting; the one that is most like it is redact.sids",
		"redact: all\n":                                                "c.yaml:1: redact: there is no such setting",
		"redact:\n  headers: X-Tenant\n":                               "c.yaml:2: redact.headers: expected a list, got text",
		"redact:\n  headers:\n    - X-A\n    - X B\n":                  `c.yaml:4: redact.headers: "X B" is no name of a header`,
		"redact:\n  fields:\n    - 7\n":                                "c.yaml:3: redact.fields: expected text, got a number",
		"redact:\n  json:\n    - a\n    - a..b\n":                      `c.yaml:4: redact.json: "a..b" is no path`,
		"redact:\n  pattern:\n    - match: 's3cr3t('\n      with: x\n": "c.yaml:3: redact.pattern: no regular expression: missing closing )",
		"redact:\n  pattern:\n    - match: x\n":                        "c.yaml:3: redact.pattern: a pattern needs match, a regular expression, and with",
		"redact:\n  pattern:\n    - match: x\n      by: y\n":           `c.yaml:3: redact.pattern: a pattern has no "by"; it has match and with`,
		"redact:\n  pattern:\n    - x\n":                               `c.yaml:3: redact.pattern: expected "match: EXPRESSION" and "with: REPLACEMENT", got text`,
		"redact:\n  allow:\n    - tags\n    - Authorization\n":         "c.yaml:4: redact.allow: Authorization is a secret (credential), which can't be allowed",
		"redact:\n  allow: [tag]\n":                                    `c.yaml:2: redact.allow: there is no field "tag" that is redacted by its name`,
		"redact.sids: all\nredact:\n  sids: all\n":                     "c.yaml:3: redact.sids is set a second time; the first is in line 1",
	} {
		_, err := load(t, Replay, write(t, "c.yaml", text), nil, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestWhereAWrongValueStandsIsSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		mode       Mode
		env, flags map[string]string
		file, want string
	}{
		{Replay, map[string]string{"TWILIO_VCR_PLAY": "x"}, nil, "", `environment variable TWILIO_VCR_PLAY: "x" is none of`},
		{Replay, nil, map[string]string{"play": "x"}, "", `flag --play: "x" is none of`},
		{Replay, nil, map[string]string{"overwrite": "true"}, "", "flag --overwrite means nothing in replay mode"},
		{Record, nil, map[string]string{"append": "x", "cassette": "c"}, "", `flag --append: "x" is neither true nor false`},
		{Record, nil, nil, "", "record needs a file to record to: name it with --cassette FILE"},
		{Auto, nil, nil, "", "auto needs a file"},
		{Record, nil, map[string]string{"cassette": "c", "append": "true", "overwrite": "true"}, "", "exclude each other"},
		{Record, nil, map[string]string{"fault": "drop", "cassette": "c"}, "", "flag --fault means nothing in record mode; leave it out"},
		{Replay, nil, map[string]string{"tunnel": "api.example.com"}, "", "flag --tunnel means nothing in replay mode; leave it out"},
		{Auto, nil, map[string]string{"tunnel": "https://x/", "cassette": "c"}, "", `flag --tunnel: "https://x/" is no host; write its name alone, such as api.example.com`},
		{Record, nil, map[string]string{"seed": "2", "cassette": "c"}, "", "flag --seed means nothing in record mode; leave it out"},
		{Replay, map[string]string{"TWILIO_VCR_FAULT": "drop; truncate,drop"}, nil, "", "environment variable TWILIO_VCR_FAULT: drop and truncate exclude each other"},
		{Replay, nil, map[string]string{"seed": "-1"}, "", `flag --seed: "-1" is no whole number from 0 up`},
		{Replay, nil, map[string]string{"latency": "2m±1m", "fault": "nth=2,delay=1m1s"}, "",
			`the latency 2m0s±1m0s and the fault "nth=2,delay=1m1s" add up to more than 4m0s, the most that an answer is held back; make one of them shorter`},
		{Replay, nil, nil, "nowhere.yaml", "there is no configuration file nowhere.yaml"},
	} {
		if _, err := load(t, c.mode, c.file, c.env, c.flags); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestTheFaultsOfOneSourceTakeThePlaceOfTheOthers(t *testing.T) {
	for _, c := range []struct {
		name, file, env string
		flags           []string
		want            string
	}{
		{"a list in the file", "fault:\n  - nth=3,drop\n  - \"rate=0.1,status=429\"\nseed: 18446744073709551615\n", "", nil, "[nth=3,drop rate=0.1,status=429] 18446744073709551615"},
		{"a text in the file", "fault: nth=3,drop\n", "", nil, "[nth=3,drop] 1"},
		{"an empty list in the file", "fault: []\n", "", nil, "[] 1"},
		{"the environment", "fault: truncate\n", "nth=3,drop; rate=0.1,status=429;", nil, "[nth=3,drop rate=0.1,status=429] 1"},
		{"flags", "fault: truncate\n", "drop", []string{"nth=1,drop", "path=/v2/a;b,delay=1s"}, "[nth=1,drop path=/v2/a;b,delay=1s] 1"},
	} {
		from := Sources{File: write(t, "c.yaml", c.file), Flags: map[string][]string{}, Getenv: func(name string) (string, bool) {
			return c.env, name == "TWILIO_VCR_FAULT" && c.env != ""
		}}
		if c.flags != nil {
			from.Flags["fault"] = c.flags
		}
		cfg, err := Load(Replay, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(cfg.Faults, cfg.Seed); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNothingPutsAFaultIntoARecording(t *testing.T) {
	file := write(t, "c.yaml", "cassette: a.yaml\nfault: drop\n")
	for mode, want := range map[Mode]int{Record: 0, Replay: 2, Auto: 2, Passthrough: 2} {
		c, err := load(t, mode, file, map[string]string{"TWILIO_VCR_FAULT": "drop;truncate"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Faults) != want {
			t.Errorf("%s has the faults %v", mode, c.Faults)
		}
	}
}

func TestAnEmptyFileSetsNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		file := write(t, "c.yaml", text)
		if _, err := load(t, Replay, file, nil, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLoopback(t *testing.T) {
	for listen, want := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "localhost:0": true, "0.0.0.0:0": false, ":4010": false, "192.168.0.1:1": false, "unix:/run/s": true, "unix:a:1": true} {
		if got := (&Config{Listen: listen}).IsLoopback(); got != want {
			t.Errorf("%s: %t", listen, got)
		}
	}
}

func TestWhatTheCAIsFor(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:0": "[twilio.com 127.0.0.1]", "vcr.internal:1": "[twilio.com vcr.internal]", "0.0.0.0:1": "[twilio.com]", "[::]:1": "[twilio.com]", ":1": "[twilio.com]", "unix:/a:1": "[twilio.com]",
	} {
		for upstream, own := range map[string]string{ // clients ask for Twilio's hosts whatever upstream is
			"https://verify.twilio.com": "", "https://Verify.Dublin.ie1.Twilio.com:8443/x": "", "https://twilio.com": "", "https://nottwilio.com": " nottwilio.com", "https://twilio.com.example.com": " twilio.com.example.com", "http://127.0.0.2:4999": " 127.0.0.2",
		} {
			c, err := load(t, Replay, write(t, "c.yaml", ""), nil, map[string]string{"listen": listen, "upstream": upstream})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(c.Domains()), strings.Replace(want, "twilio.com", "twilio.com"+own, 1); got != want {
				t.Errorf("%s %s: got %s, want %s", listen, upstream, got, want)
			}
		}
	}
}

func FuzzAFileNeverPanics(f *testing.F) {
	f.Add("play: once\n")
	f.Add("? [a]\n: b\n")
	f.Add("<<: {play: once}\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Load(Replay, Sources{File: file, Getenv: func(string) (string, bool) { return "", false }})
	})
}
