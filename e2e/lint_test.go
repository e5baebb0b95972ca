package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lint runs "twilio-vcr cassette lint" and returns what it prints and its exit code.
func lint(t *testing.T, tape string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, "cassette", "lint", tape)
	cmd.Dir = t.TempDir() // without anybody's settings
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// secretExamples are calls whose examples in Twilio's file hold what looks like real secrets.
var secretExamples = []struct {
	path, form, prefer string
	secrets            []string
}{
	{"/Verifications", "To=%2B15017122661&Channel=sna", "example=createVerificationSna", []string{"mi.dnlsrv.com", "AAAglRRdNn02", "yANeDq09bwM38SJs", "T-Mobile", number}},
	{"/Entities/ff483d1ff591898a9942916050d2ca3f/Factors", "FriendlyName=John%27s+phone&FactorType=totp", "example=createTotp", []string{"GEZDGNBVGY3TQOJQ", "Account%20Name", "ff483d1ff591898a9942916050d2ca3f"}},
	{"/AccessTokens", "Identity=ff483d1ff591898a9942916050d2ca3f&FactorType=push", "code=201", []string{"eyJ6aXAiOiJERUYi", "John Doe", "ff483d1ff591898a9942916050d2ca3f"}},
}

func TestTheSecretsOfTwiliosExamplesAreNotOnTheTape(t *testing.T) {
	tape := filepath.Join(t.TempDir(), "secrets.yaml")
	_, upstreamURL := prism(t)
	recorder, base := proxy(t, "record", "--upstream", upstreamURL, "--cassette", tape)
	var secrets []string
	for _, e := range secretExamples {
		got := curl(t, "--user", other.sid+":"+other.token, "--data", e.form, "--header", "Prefer: "+e.prefer, base+"/v2/Services/"+service+e.path)
		for _, s := range e.secrets {
			if !strings.Contains(got+e.form+e.path, s) {
				t.Errorf("%s is not in what was sent and answered: %s", s, got)
			}
		}
		secrets = append(secrets, e.secrets...)
	}
	if code := recorder.stop(t); code != 0 {
		t.Fatalf("the recording ended with exit code %d: %s", code, recorder.stderr.String())
	}
	b, err := os.ReadFile(tape)
	if err != nil {
		t.Fatal(err)
	}
	clean := string(b)
	for _, s := range secrets {
		if strings.Contains(clean+recorder.stderr.String(), s) {
			t.Errorf("%s is on the tape or in the log", s)
		}
	}
	if out, code := lint(t, tape); code != 0 {
		t.Errorf("lint finds: %s", out)
	}

	// One secret put back is found, at its place.
	for placeholder, broken := range map[string]struct{ with, place string }{
		`"https://redacted.example.com"`:             {`"https://mi.dnlsrv.com/m/id/ANBByzx7?data=AAAg"`, "interaction 0: response JSON $.sna.url"},
		`"otpauth://redacted.example.com"`:           {`"otpauth://totp/test-issuer:John?secret=GEZDGNBVGY3TQOJQ"`, "interaction 1: response JSON $.binding.uri"},
		`"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`:         {`"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"`, "interaction 1: response JSON $.binding.secret"},
		`"token":"00000000000000000000000000000000"`: {`"token":"eyJ6aXAiOiJERUYiLCJr"`, "interaction 2: response JSON $.token"},
		"Basic REDACTED":                             {"Basic QUM1ZWY4NzJmNmRhNWEyMWRlMTU3ZDgwOTk3YTY0YmQzMzp4eXo=", "request header Authorization"},
	} {
		text := strings.Replace(clean, placeholder, broken.with, 1)
		if text == clean {
			t.Errorf("%s is not on the tape", placeholder)
			continue
		}
		if err := os.WriteFile(tape, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := lint(t, tape); code != 1 || !strings.Contains(out, broken.place) || strings.Contains(out, broken.with) {
			t.Errorf("with %s lint ends with exit code %d: %s", broken.with, code, out)
		}
	}
	t.Logf("of %d secrets none is on the tape, and lint finds each that is put back", len(secrets))
}
