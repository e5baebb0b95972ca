package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// checkTape runs "twilio-vcr cassette check" in this process.
func checkTape(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = program(t.Context(), append([]string{"twilio-vcr", "cassette", "check"}, args...), &out, &err)
	return out.String(), err.String(), code
}

// credentialsOf sets the environment, and no other credentials.
func credentialsOf(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range []string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_KEY_SECRET", "TWILIO_API_SECRET"} {
		t.Setenv(name, values[name])
	}
}

// getTape is a tape of n calls, GET /v2?n=0 and so on.
func getTape(t *testing.T, n int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "get.yaml")
	text := "version: 2\ninteractions:\n"
	for i := range n {
		text += fmt.Sprintf("- {id: %d, request: {method: GET, url: 'https://verify.twilio.com/v2?n=%[1]d'}, response: {code: 200, body: '{\"message\": \"-\"}'}}\n", i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestACheckSaysAndWritesNoCredential(t *testing.T) {
	log.SetOutput(io.Discard) // as main does
	defer log.SetOutput(os.Stderr)
	written, broken := 0, 0
	for _, c := range canaries {
		req := &http.Request{Header: http.Header{}}
		c.authorize(req)
		user, password, ok := req.BasicAuth()
		if !ok {
			continue
		}
		credentialsOf(t, map[string]string{"TWILIO_API_KEY": user, "TWILIO_API_KEY_SECRET": password})
		for place, echo := range places {
			var answers []string
			for _, secret := range c.secrets {
				for _, encode := range encodings {
					text := encode(secret)
					if strings.ContainsAny(text, "\"<ö ") && place != "plain text" { // it would break the JSON or the header
						text = url.QueryEscape(text)
					}
					answers = append(answers, echo(text))
				}
			}
			tape := getTape(t, len(answers))
			stdout, stderr, code := checkTape(t, tape, "--update", "--upstream", echoing(t, &answers))
			if code == 0 {
				written += len(answers)
			} else {
				broken++
			}
			texts := map[string]string{"standard output": stdout, "standard error": stderr}
			collect(t, filepath.Dir(tape), texts)
			stock, err := cassette.Load(strings.TrimSuffix(tape, ".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range stock.Interactions {
				texts[fmt.Sprintf("interaction %d", it.ID)] = fmt.Sprintf("%+v", *it)
			}
			for _, secret := range c.secrets {
				for encoding, encode := range encodings {
					for where, text := range texts {
						if strings.Contains(text, encode(secret)) || strings.Contains(text, url.QueryEscape(encode(secret))) {
							t.Errorf("the %s, echoed in %s, is in %s, encoding %s", c.name, place, where, encoding)
						}
					}
				}
			}
		}
	}
	if written < 500 || broken < 10 {
		t.Errorf("%d answers were written, %d checks were broken off", written, broken)
	}
	t.Logf("%d answers were written, %d checks were broken off", written, broken)
}

func TestAFullDiskLeavesACassetteThatIsCheckedAsItWas(t *testing.T) {
	credentialsOf(t, map[string]string{"TWILIO_ACCOUNT_SID": flowAccount, "TWILIO_AUTH_TOKEN": "t0k3n"})
	answers := slices.Repeat([]string{answer("", `{"message": "`+strings.Repeat("-", 1000)+`"}`)}, 12)
	tape := getTape(t, len(answers))
	before := readAll(t, tape)
	// A limit on the size of files, in blocks of 512 bytes, is as good as a full disk.
	cmd := exec.Command("sh", "-c", `ulimit -f 20; exec twilio-vcr "$@"`, "sh", "cassette", "check", tape, "--update", "--upstream", echoing(t, &answers))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "rewrite "+tape) || !strings.Contains(string(out), "it is as it was before") {
		t.Errorf("%v: %s", err, out)
	}
	if readAll(t, tape) != before {
		t.Error("the cassette has changed")
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(tape), "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("there are %v, %v", files, err)
	}
}

func TestWhichCredentialsAreSent(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"the account's":          {map[string]string{"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}, "AC1:t"},
		"an API key's":           {map[string]string{"TWILIO_API_KEY": "SK1", "TWILIO_API_KEY_SECRET": "s"}, "SK1:s"},
		"by another name":        {map[string]string{"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "s"}, "SK1:s"},
		"a key before a token":   {map[string]string{"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_API_KEY": "SK1", "TWILIO_API_KEY_SECRET": "s"}, "SK1:s"},
		"a key without a secret": {map[string]string{"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_API_KEY": "SK1"}, "AC1:t"},
	} {
		t.Run(name, func(t *testing.T) {
			credentialsOf(t, c.env)
			if user, password, err := credentials(); err != nil || user+":"+password != c.want {
				t.Errorf("got %s:%s, %v", user, password, err)
			}
		})
	}
}

func TestDriftEndsWithExitCode1UntilItIsWritten(t *testing.T) {
	credentialsOf(t, map[string]string{"TWILIO_ACCOUNT_SID": flowAccount, "TWILIO_AUTH_TOKEN": "t0k3n"})
	answers := []string{answer("", `{"message": "-"}`), answer("", `{"message": "-", "more": 1}`)}
	upstream := echoing(t, &answers)
	tape := getTape(t, 2)
	finding := tape + ": interaction 1: response JSON $.more: new: number\n"
	for i, c := range []struct {
		flags          []string
		stdout, stderr string
		code           int
	}{
		{nil, finding, "twilio-vcr: findings: 1, in 2 answers; not checked: 0\n", 1},
		{[]string{"--update"}, finding + "new answers written: 2 of 2; not checked: 0\n", "", 0},
		{nil, "answers without drift: 2; not checked: 0\n", "", 0},
		{[]string{"--json"}, "[]\n", "", 0},
	} {
		stdout, stderr, code := checkTape(t, append([]string{tape, "--upstream", upstream}, c.flags...)...)
		if stdout != c.stdout || stderr != c.stderr || code != c.code {
			t.Errorf("%d: exit code %d\n%s%s", i, code, stdout, stderr)
		}
	}
}
