package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// check runs "twilio-vcr cassette check FILE --yes" with the credentials of a, and returns what it prints and its
// exit code.
func check(t *testing.T, a account, tape, upstream string, flags ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"cassette", "check", tape, "--yes", "--upstream", upstream}, flags...)...)
	cmd.Dir = t.TempDir() // without anybody's settings
	cmd.Env = []string{"TWILIO_ACCOUNT_SID=" + a.sid, "TWILIO_AUTH_TOKEN=" + a.token}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), tape, "TAPE"), cmd.ProcessState.ExitCode()
}

func TestACheckFindsWhatHasChangedSinceTheRecording(t *testing.T) {
	dir := t.TempDir()
	tape := filepath.Join(dir, "flow.yaml")
	upstream, upstreamURL := prism(t)
	recorder, base := proxy(t, "record", "--upstream", upstreamURL, "--cassette", tape)
	user := documented.sid + ":" + documented.token
	curl(t, "--user", user, "--data", "To=%2B15017122661&Channel=sms", base+"/v2/Services/"+service+"/Verifications")
	curl(t, "--user", user, base+path)
	curlUpdate(t, base, documented, "approved")
	curlUpdate(t, base, documented, "canceled")
	if code := recorder.stop(t); code != 0 {
		t.Fatalf("the recording ended with exit code %d: %s", code, recorder.stderr.String())
	}

	// Another account checks it, from whose answers the tape differs in nothing that counts.
	const none = "answers without drift: 4; not checked: 0\n"
	if out, code := check(t, other, tape, upstreamURL); code != 0 || out != none {
		t.Fatalf("exit code %d: %s", code, out)
	}

	b, err := os.ReadFile(tape)
	if err != nil {
		t.Fatal(err)
	}
	aged := string(b)
	for _, edit := range [][2]string{
		{"code: 201", "code: 200"},
		{"- application/json", "- text/json"},
		{`"channel":"sms"`, `"channel":1`},
		{`"valid":`, `"is_valid":`},
		{`"status":"approved"`, `"status":"pending"`},
	} {
		if !strings.Contains(aged, edit[0]) {
			t.Fatalf("%s is not on the tape\n%s", edit[0], aged)
		}
		aged = strings.Replace(aged, edit[0], edit[1], 1)
	}
	if err := os.WriteFile(tape, []byte(aged), 0o600); err != nil {
		t.Fatal(err)
	}
	const drift = `TAPE: interaction 0: response status: recorded 200, now 201
TAPE: interaction 0: response header Content-Type: recorded "text/json", now "application/json"
TAPE: interaction 0: response JSON $.channel: type changed from number to string
TAPE: interaction 0: response JSON $.is_valid: missing: recorded as boolean
TAPE: interaction 0: response JSON $.valid: new: boolean
TAPE: interaction 2: response JSON $.status: recorded "pending", now "approved"
`
	if out, code := check(t, other, tape, upstreamURL); code != 1 || out != drift+"twilio-vcr: findings: 6, in 4 answers; not checked: 0\n" {
		t.Errorf("exit code %d: %s", code, out)
	}

	if out, code := check(t, other, tape, upstreamURL, "--update"); code != 0 || out != drift+"new answers written: 4 of 4; not checked: 0\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := check(t, other, tape, upstreamURL); code != 0 || out != none {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := lint(t, tape); code != 0 {
		t.Errorf("lint finds: %s", out)
	}
	upstream.stop(t)
	if out, code := check(t, other, tape, upstreamURL, "--update"); code != 1 || !strings.Contains(out, "can't be reached") {
		t.Errorf("exit code %d: %s", code, out)
	}
	search(t, dir, other, recorder)
}
