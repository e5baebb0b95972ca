package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestAKillLosesNothingThatWasAnswered(t *testing.T) {
	const clients = 200
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	upstream, _ := echoServer(t)
	var inAll, onTapes int
	for round := range rounds {
		tape := filepath.Join(t.TempDir(), "kill.yaml")
		p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL, "--log-level", "error")
		var mu sync.Mutex
		answered := map[string]string{}
		killAt := 5 + round*8 // so many answers
		kill := sync.OnceFunc(func() { _ = p.cmd.Process.Kill() })
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				form := fmt.Sprintf("n=%d-%d&pad=%s", round, i, strings.Repeat("x", 1500)) // so that interactions cross pages
				status, body, err := call(p.url, form, nil)
				if err != nil || status != http.StatusOK {
					return // it was not answered
				}
				mu.Lock()
				defer mu.Unlock()
				answered[form] = body
				if len(answered) == killAt {
					kill()
				}
			})
		}
		wg.Wait()
		kill()
		_ = p.cmd.Wait()
		recorded := onTape(t, tape)
		for form, body := range answered {
			if recorded[form] != body {
				t.Fatalf("round %d: the answer to %.20s is not on the tape", round, form)
			}
		}
		inAll, onTapes = inAll+len(answered), onTapes+len(recorded)

		again := start(t, "record", "--append", "--cassette", tape, "--upstream", upstream.URL)
		mustCall(t, again.url, "n=after")
		if code := again.end(t, syscall.SIGTERM); code != 0 {
			t.Fatalf("round %d: appending ended with exit code %d: %s", round, code, &again.stderr)
		}
		if after := onTape(t, tape); len(after) != len(recorded)+1 {
			t.Fatalf("round %d: %d interactions became %d", round, len(recorded), len(after))
		}
	}
	t.Logf("%d kills: %d calls were answered, %d are on the tapes, none is missing", rounds, inAll, onTapes)
}

func TestOverwriteKeepsTheOldTapeWhenItIsKilled(t *testing.T) {
	upstream, _ := echoServer(t)
	tape := filepath.Join(t.TempDir(), "over.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL)
	mustCall(t, p.url, "n=old")
	p.end(t, syscall.SIGTERM)

	p = start(t, "record", "--overwrite", "--cassette", tape, "--upstream", upstream.URL)
	mustCall(t, p.url, "n=new")
	p.end(t, syscall.SIGKILL)
	if got := onTape(t, tape); len(got) != 1 || got["n=old"] == "" {
		t.Errorf("after a kill the tape is %v", got)
	}
	p = start(t, "record", "--overwrite", "--cassette", tape, "--upstream", upstream.URL)
	mustCall(t, p.url, "n=newer")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
	if got := onTape(t, tape); len(got) != 1 || got["n=newer"] == "" {
		t.Errorf("after an end in order the tape is %v", got)
	}
}
