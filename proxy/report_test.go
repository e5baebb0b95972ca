package proxy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

func TestAReportOfVeryManyMissesStaysReadable(t *testing.T) {
	j := NewJournal(zap.NewNop())
	for i := range 2500 {
		m := &cassettes.Miss{Reason: cassettes.NoSuchPath, Nearest: -1, Path: fmt.Sprintf("/v2/%d", i/2)}
		j.Tell(cassettes.Exchange{Outcome: cassettes.Missed, Detail: m.String(), Miss: m})
	}
	unused := make([]cassettes.Unused, 60)
	r := j.Report("replay", true, unused)
	if r.Missed() != 2500 || len(r.Misses) != maxKept || r.Misses[0].Count != 2 || r.Untold != 500 {
		t.Errorf("%d misses, %d different ones, the first %d times, %d were not told", r.Missed(), len(r.Misses), r.Misses[0].Count, r.Untold)
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Count(text, "\n") != 2*(maxRows+2) || !strings.Contains(text, "\nand 950 more; --report FILE lists them\n") || !strings.HasSuffix(text, "\nand 10 more; --report FILE lists them\n") {
		t.Errorf("the table is %s", text)
	}
	file := filepath.Join(t.TempDir(), "r.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}
