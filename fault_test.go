package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFaultsAreInjectedCountedAndNothingElseIsSaid(t *testing.T) {
	p := start(t, "replay", "--fault", "nth=2,drop", "--fault", "nth=3,status=429,retry-after=7", "--latency", "10ms±5ms", "--seed", "2")
	for n, want := range []int{200, 0, 429, 200} {
		if status, _, err := call(p.url, "Status=approved", nil); status != want || (err != nil) != (want == 0) {
			t.Errorf("call %d got %d, %v, want %d", n, status, err, want)
		}
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	said := p.stderr.String()
	if !strings.Contains(said, `"replayed": 2`) || !strings.Contains(said, `"fault": 2`) || strings.Count(said, "\n") != 5 {
		t.Errorf("it said\n%s", said)
	}
}

func TestARecordingHasNoFaults(t *testing.T) {
	up, calls := echoServer(t)
	tape := filepath.Join(t.TempDir(), "c.yaml")
	cmd := exec.Command("twilio-vcr", "record", "--cassette", tape, "--upstream", up.URL, "--listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Environ(), "TWILIO_VCR_FAULT=status=500")
	p := startCommand(t, cmd)
	if status, _ := mustCall(t, p.url, "Status=approved"); status != 200 {
		t.Errorf("got %d", status)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 || calls.Load() != 1 || len(onTape(t, tape)) != 1 {
		t.Errorf("exit code %d after %d calls: %s", code, calls.Load(), &p.stderr)
	}
}
