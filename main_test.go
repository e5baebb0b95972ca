package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the program too, under the name twilio-vcr in PATH.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // a program under the race detector takes a second to end
	testscript.Main(m, map[string]func(){"twilio-vcr": main})
}

// TestTheCommandLine runs the stories in testdata/script.
func TestTheCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       false,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails,
			"fits":  fits,
		},
	})
}

// fails runs "twilio-vcr ARGS..." and checks that it ends with the exit code, without a word on standard
// output, and says exactly the sentence: fails CODE SENTENCE ARGS...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE SENTENCE ARGS...")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command("twilio-vcr", args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = cmd.Environ()
	for _, name := range []string{"TWILIO_VCR_PLAY", "TWILIO_VCR_UPSTREAM", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name)) // an empty one is none
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		ts.Fatalf("it ended with %v, want exit code %d; it said\n%s", err, code, &stderr)
	}
	if want := "twilio-vcr: " + args[1] + "\n"; stderr.String() != want {
		ts.Fatalf("it said\n%swant\n%s", &stderr, want)
	}
	if stdout.Len() > 0 {
		ts.Fatalf("standard output: %s", &stdout)
	}
}

// fits checks that the last standard output fits a terminal of 80 columns.
func fits(ts *testscript.TestScript, neg bool, _ []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if n := len(strings.TrimSuffix(line, "\n")); n > 80 {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}
