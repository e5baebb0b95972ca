package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestClientsThatHardCodeTheirHostNeedNoChange has clients of https://verify.twilio.com, in a clean environment with
// nothing but the variables that the README names, recorded from the stand-in of Twilio and replayed with it gone.
func TestClientsThatHardCodeTheirHostNeedNoChange(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	node := environment(t, "TWILIO_NODE", ".tools/node_modules/twilio", "it is Twilio's SDK for Node, which .ci/run installs")
	out, err := exec.Command(program, "ca").Output()
	if err != nil {
		t.Fatal(err)
	}
	authority := strings.TrimSpace(string(out))
	const target = "https://verify.twilio.com/v2/Services/" + service + "/Verifications/" + verification
	clients := []struct {
		name    string
		command []string
		env     func(proxy string) []string
	}{
		{"curl", []string{"curl", "--silent", "--show-error", "--user", other.sid + ":" + other.token, "--data", "Status=approved", target},
			func(proxy string) []string { return []string{"HTTPS_PROXY=" + proxy, "CURL_CA_BUNDLE=" + authority} }},
		{"twilio-go", []string{goDriver(t, "./sdk/plain"), service, verification, "approved", other.sid, other.token},
			func(proxy string) []string { return []string{"HTTPS_PROXY=" + proxy, "SSL_CERT_FILE=" + authority} }},
		{"twilio for Node", []string{"node", "sdk/plain/driver.js", service, verification, "approved", other.sid, other.token},
			func(proxy string) []string {
				return []string{"HTTP_PROXY=" + proxy, "NODE_EXTRA_CA_CERTS=" + authority, "NODE_PATH=" + filepath.Dir(node)}
			}},
	}
	dir := filepath.Join(t.TempDir(), "tapes")
	stand, upstream := prism(t)
	for _, mode := range []string{"record", "replay"} {
		p, base := proxy(t, mode, "--cassette-dir", dir, "--upstream", upstream)
		for _, c := range clients {
			// The user name for the proxy is the session.
			session := strings.ReplaceAll(c.name, " ", "-")
			got := inCleanEnvironment(t, c.command, c.env(strings.Replace(base, "http://", "http://"+session+"@", 1)))
			var v struct{ SID, Status string }
			if json.Unmarshal([]byte(got), &v) == nil { // curl shows all of it, and the account is a pseudonym on the tape
				got = v.SID + " " + v.Status
			}
			if want := verification + " canceled"; got != want { // as the stand-in's example has it
				t.Errorf("%s, %s: got %s, want %s", mode, c.name, got, want)
			}
			t.Logf("%s: %s gets %.120q", mode, c.name, got)
		}
		if code := p.stop(t); code != 0 {
			t.Errorf("%s ended with exit code %d: %s", mode, code, p.stderr.String())
		}
		if mode == "record" {
			stand.stop(t)
			refusesConnections(t, upstream)
		}
		if want := fmt.Sprintf(`"%s": %d`, map[string]string{"record": "recorded", "replay": "replayed"}[mode], len(clients)); !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s: the log does not say %s: %s", mode, want, p.stderr.String())
		}
	}

	// A client that does not trust the CA is told what helps.
	p, base := proxy(t, "replay")
	got := inCleanEnvironment(t, clients[0].command, []string{"HTTPS_PROXY=" + base})
	p.stop(t)
	if !strings.Contains(got, "certificate") || !strings.Contains(p.stderr.String(), "CURL_CA_BUNDLE") {
		t.Errorf("curl shows %s, the log %s", got, p.stderr.String())
	}
}

// inCleanEnvironment runs a command with PATH and env only, and returns what it writes.
func inCleanEnvironment(t *testing.T, command, env []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	out, _ := cmd.CombinedOutput() // its exit code is not the same for all clients
	return strings.TrimSpace(string(out))
}
