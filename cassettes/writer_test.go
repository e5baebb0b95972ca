package cassettes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

func TestWhatIsAppendedIsOnTheDiskAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "folder", "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 3 {
		id, err := w.Append(numbered(i), nothingToCheck)
		if err != nil || id != i {
			t.Fatalf("got id %d, %v", id, err)
		}
		loadBoth(t, file, i+1)
	}
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700 | fs.ModeDir, file + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// loadBoth loads file with stock go-vcr and with Load, and checks that both read interactions 0..n-1.
func loadBoth(t *testing.T, file string, n int) *Cassette {
	t.Helper()
	stock, err := cassette.Load(strings.TrimSuffix(file, ".yaml"))
	if err != nil {
		t.Fatal("stock go-vcr:", err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []*cassette.Interaction
	for i := range n {
		it := numbered(i)
		it.ID = i
		want = append(want, it)
	}
	sameInteractions(t, "stock go-vcr", stock.Interactions, want)
	sameInteractions(t, "Load", c.Interactions, want)
	return c
}

func TestManyWritersOfOneCassetteAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if _, err := w.Append(numbered(i), nothingToCheck); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil || len(c.Interactions) != 200 || len(c.Notices) > 0 {
		t.Fatalf("got %v, %v", c, err)
	}
	for i, it := range c.Interactions {
		if it.ID != i {
			t.Errorf("interaction %d has id %d", i, it.ID)
		}
	}
}

func TestAppendGoesOnWithACassette(t *testing.T) {
	stockMade := func(t *testing.T) string {
		name := filepath.Join(t.TempDir(), "stock")
		c := cassette.New(name)
		c.AddInteraction(numbered(0))
		c.AddInteraction(numbered(1))
		if err := c.Save(); err != nil {
			t.Fatal(err)
		}
		return name + ".yaml"
	}
	for name, make := range map[string]func(t *testing.T) string{
		"ours": func(t *testing.T) string { return recorded(t, 2) },
		"ours, not closed": func(t *testing.T) string {
			f := recorded(t, 2)
			write(t, f, dropLine(readFile(t, f), "# end", 0))
			return f
		},
		"ours, a byte short": func(t *testing.T) string { f := recorded(t, 2); cut(t, f, 1); return f },
		"ours, end mark cut": func(t *testing.T) string { f := recorded(t, 2); cut(t, f, 5); return f },
		"ours, with an interaction added by hand": func(t *testing.T) string {
			f, more := recorded(t, 1), readFile(t, recorded(t, 2))
			added := more[strings.LastIndex(more, committed):strings.Index(more, "# end")]
			write(t, f, readFile(t, f)+added)
			return f
		},
		"ours, torn behind an end mark": func(t *testing.T) string {
			f := recorded(t, 2)
			write(t, f, readFile(t, f)+committed+"\n    - id: 2\n")
			return f
		},
		"ours, cut within a CRLF": func(t *testing.T) string {
			f := recorded(t, 2)
			write(t, f, strings.ReplaceAll(dropLine(readFile(t, f), "# end", 0), "\n", "\r\n"))
			cut(t, f, 1)
			return f
		},
		"ours, with a comment behind": func(t *testing.T) string {
			f := recorded(t, 2)
			write(t, f, readFile(t, f)+strings.Repeat("# a note\n", 500))
			return f
		},
		"stock's": stockMade,
		"stock's, a byte short": func(t *testing.T) string {
			f := stockMade(t)
			cut(t, f, 1)
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := make(t)
			w, c, err := Append(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Interactions) != 2 {
				t.Errorf("%d interactions were there", len(c.Interactions))
			}
			appendAll(t, w, 2, 4)
			if c := loadBoth(t, file, 4); len(c.Notices) > 0 {
				t.Error("notices:", c.Notices)
			}
			if kept, _ := filepath.Glob(file + ".torn-*"); len(kept) == 0 {
				onlyFile(t, file)
			}
			text := readFile(t, file)
			for n := range text {
				if n%7 == 0 || text[n] == '\n' || n > 0 && text[n-1] == '\n' {
					neverInSilence(t, text[:n], 4)
				}
			}
			if name == "ours, with a comment behind" && strings.Count(text, "# a note\n") != 500 {
				t.Error("the comments are gone")
			}
		})
	}
}

// neverInSilence checks that text, a cut cassette of n interactions, is refused, or read with a notice.
func neverInSilence(t *testing.T, text string, n int) {
	t.Helper()
	c, err := read("cut.yaml", strings.NewReader(text))
	if err != nil || len(c.Notices) > 0 {
		return
	}
	if len(c.Interactions) != n {
		t.Fatalf("cut at %d: %d interactions and no notice", len(text), len(c.Interactions))
	}
	for i, it := range c.Interactions {
		if it.Response.Body != numbered(i).Response.Body {
			t.Fatalf("cut at %d: interaction %d was changed", len(text), i)
		}
	}
}

func TestACutIsNeverTakenInSilence(t *testing.T) {
	text := readFile(t, recorded(t, 3))
	for n := range len(text) {
		neverInSilence(t, text[:n], 3)
	}
}

func TestAWriteThatIsCutOffAnywhereHarmsNothingBeforeIt(t *testing.T) {
	file := recorded(t, 3)
	whole := readFile(t, file)
	second := strings.LastIndex(whole, committed+"\n")
	end := strings.Index(whole, "# end")
	chunk := pending + whole[second+len(committed):end]
	for n := range len(chunk) + 1 {
		if n > 0 && n < len(pending)+1 {
			continue // so short a write is not torn: it is within one page
		}
		write(t, file, whole[:second]+chunk[:n])
		c := loadBoth(t, file, 2)
		if len(c.Notices) == 0 {
			t.Fatalf("%d bytes of an interaction: no notice", n)
		}
	}
}

func TestATornTailIsCutAndKept(t *testing.T) {
	file := recorded(t, 3)
	text := readFile(t, file)
	at := strings.LastIndex(text, committed+"\n")
	tail := text[at : at+100]
	write(t, file, text[:at+100])
	w, c, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(file + ".torn-*")
	if err != nil || len(kept) != 1 {
		t.Fatal("kept:", kept, err)
	}
	if got := readFile(t, kept[0]); got != tail {
		t.Errorf("kept %q, want %q", got, tail)
	}
	if notices := strings.Join(c.Notices, "\n"); !strings.Contains(notices, kept[0]) || !strings.Contains(notices, "was cut off") {
		t.Errorf("notices do not say so: %s", notices)
	}
	appendAll(t, w, 2, 3)
	if c := loadBoth(t, file, 3); len(c.Notices) > 0 {
		t.Error("notices:", c.Notices)
	}
}

func TestOnlyOneWriterAtATime(t *testing.T) {
	file := recorded(t, 1)
	w, _, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() error{
		"Append":    func() error { _, _, err := Append(file); return err },
		"Overwrite": func() error { _, err := Overwrite(file); return err },
		"Create":    func() error { _, err := Create(file); return err },
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), "another process or session is recording to "+file) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	appendAll(t, w, 1, 2)
	w, _, err = Append(file)
	if err != nil {
		t.Fatal("after the first has ended:", err)
	}
	appendAll(t, w, 2, 3)
	loadBoth(t, file, 3)
	onlyFile(t, file)
}

func TestCreateLeavesAnExistingCassetteAlone(t *testing.T) {
	file := recorded(t, 1)
	before := readFile(t, file)
	if _, err := Create(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if readFile(t, file) != before {
		t.Error("the cassette was changed")
	}
	onlyFile(t, file)
}

func TestOverwriteKeepsTheOldCassetteUntilTheEnd(t *testing.T) {
	file := recorded(t, 3)
	before := readFile(t, file)
	w, err := Overwrite(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(numbered(0), nothingToCheck); err != nil {
		t.Fatal(err)
	}
	if readFile(t, file) != before {
		t.Fatal("the old cassette was changed before the end")
	}
	appendAll(t, w, 1, 2)
	loadBoth(t, file, 2)
	onlyFile(t, file)
}

func TestOverwriteWithNothingRecordedKeepsTheOldCassette(t *testing.T) {
	file := recorded(t, 3)
	before := readFile(t, file)
	w, err := Overwrite(file)
	if err != nil {
		t.Fatal(err)
	}
	notice, err := w.Close()
	if want := "nothing was recorded: " + file + " is as it was before"; err != nil || notice != want {
		t.Errorf("got %q, %v, want %q", notice, err, want)
	}
	if readFile(t, file) != before {
		t.Error("the old cassette was changed")
	}
	onlyFile(t, file)
}

func TestWhatAnInterruptedOverwriteLeftIsKept(t *testing.T) {
	file := recorded(t, 1)
	write(t, file+newSuffix, "left")
	w, err := Overwrite(file)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, 0, 1)
	kept, err := filepath.Glob(file + newSuffix + "-*")
	if err != nil || len(kept) != 1 || readFile(t, kept[0]) != "left" {
		t.Error("kept:", kept, err)
	}
}

func TestAnEmptyNewCassetteIsRemoved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if notice, err := w.Close(); err != nil || !strings.Contains(notice, "was not written") {
		t.Errorf("got %q, %v", notice, err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is there:", err)
	}
}

func TestAppendingNothingChangesNothing(t *testing.T) {
	file := recorded(t, 2)
	before := readFile(t, file)
	w, _, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if readFile(t, file) != before {
		t.Error("the cassette was changed")
	}
}

func TestAnEmptyCassetteThatWasThereStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, header)
	w, _, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, file); got != header {
		t.Errorf("it became %q", got)
	}
}

func TestAfterAFailedWriteNothingMoreIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(numbered(0), nothingToCheck); err != nil {
		t.Fatal(err)
	}
	if err := w.f.Close(); err != nil { // as good as a disk that is gone
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Append(numbered(1), nothingToCheck); err == nil || !strings.Contains(err.Error(), "write to the cassette "+file) {
			t.Errorf("got %v", err)
		}
	}
	if w.Err() == nil {
		t.Error("Err does not know")
	}
	if _, err := w.Close(); err == nil {
		t.Error("Close does not know")
	}
	loadBoth(t, file, 1)
}

func TestWhatTheCheckRefusesIsNotWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	_, err = w.Append(numbered(7), func(text string) error {
		if !strings.Contains(text, "body-7") {
			t.Error("the check does not see the bytes")
		}
		return refused
	})
	if !errors.Is(err, refused) || w.Err() != nil {
		t.Errorf("got %v, and Err %v", err, w.Err())
	}
	appendAll(t, w, 0, 1)
	loadBoth(t, file, 1)
}

func onlyFile(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(file) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// cut takes n bytes off the end of file.
func cut(t *testing.T, file string, n int64) {
	t.Helper()
	if err := os.Truncate(file, size(t, file)-n); err != nil {
		t.Fatal(err)
	}
}
