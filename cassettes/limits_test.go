package cassettes

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func TestAFileBeyondTheLimitIsNotRead(t *testing.T) {
	file := recorded(t, 1)
	if err := os.Truncate(file, 3<<29); err != nil { // sparse: it takes no space
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Load(file)
	if want := file + ": it has 1.50 GiB, and a cassette may have 1 GiB; split it, or record to several cassettes"; err == nil || err.Error() != want {
		t.Errorf("Load: got %v, want %s", err, want)
	}
	if _, _, err := Append(file); err == nil || !strings.Contains(err.Error(), "it has 1.50 GiB") {
		t.Errorf("Append: got %v", err)
	}
	if found := Lint(file, &redact.Policy{}); len(found) != 1 || !strings.Contains(found[0].Problem, "it has 1.50 GiB") {
		t.Errorf("Lint: got %v", found)
	}
	if files, err := Find([]string{filepath.Dir(file)}); err != nil || len(files) != 1 {
		t.Errorf("Find: got %v, %v", files, err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory", took)
	}
}

func TestACassetteDoesNotGrowBeyondTheLimit(t *testing.T) {
	for name, start := range map[string]func(file string) (*Writer, error){
		"a new one": Create,
		"an existing one": func(file string) (*Writer, error) {
			write(t, file, readFile(t, recorded(t, 2)))
			w, _, err := Append(file)
			return w, err
		},
		"one of go-vcr's": func(file string) (*Writer, error) {
			write(t, file, stockText(t, 2))
			w, _, err := Append(file)
			return w, err
		},
		"one to overwrite": func(file string) (*Writer, error) { write(t, file, "old"); return Overwrite(file) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			w, err := start(file)
			if err != nil {
				t.Fatal(err)
			}
			if w.limit != maxCassette {
				t.Errorf("the limit is %d", w.limit)
			}
			const limit = 20_000
			w.limit = limit
			path, n := w.path(), w.count
			for ; ; n++ {
				if _, err = w.Append(numbered(n), nothingToCheck); err != nil {
					break
				}
			}
			if !strings.Contains(err.Error(), "write to the cassette "+path+": it would be larger than 0 GiB, and could not be replayed; record what follows to another file") {
				t.Errorf("got %v", err)
			}
			if _, err := w.Append(&cassette.Interaction{}, nothingToCheck); err == nil || w.Err() == nil {
				t.Error("it goes on with a smaller one")
			}
			if got := size(t, path); got < limit/2 || got > limit-int64(len(endMark(n))+1) {
				t.Errorf("it has %d bytes", got)
			}
			if _, err := w.Close(); err == nil {
				t.Error("Close does not know")
			}
			c, err := Load(path)
			if err != nil || len(c.Interactions) != n {
				t.Errorf("%d interactions were written, but %v, %v", n, c, err)
			}
			if path != file {
				if got := readFile(t, file); got != "old" {
					t.Errorf("what was to be replaced is %q", got)
				}
				return
			}
			w, _, err = Append(file) // and stop in order
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Close(); err != nil || size(t, file) > limit {
				t.Errorf("closed, it has %d bytes, %v", size(t, file), err)
			}
		})
	}
}

// stockText returns a cassette of n interactions as stock go-vcr saves it.
func stockText(t *testing.T, n int) string {
	t.Helper()
	c := cassette.New(filepath.Join(t.TempDir(), "stock"))
	for i := range n {
		c.AddInteraction(numbered(i))
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, c.File)
}

func TestAByteOrderMarkStaysAtTheBeginning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "\ufeff"+stockText(t, 2))
	w, _, err := Append(file)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, 2, 3)
	if c := loadBoth(t, file, 3); len(c.Notices) > 0 {
		t.Error("notices:", c.Notices)
	}
	write(t, file, "\ufeff"+readFile(t, recorded(t, 2)))
	if c := loadBoth(t, file, 2); len(c.Notices) > 0 || !c.layout.marked {
		t.Error("our first line is not seen:", c.Notices)
	}
	cut(t, file, 1000)
	if c, err := Load(file); err == nil && len(c.Notices) == 0 {
		t.Error("it was cut in silence")
	}
}

// wild are texts that are repeated to make a file that is no cassette.
var wild = []string{
	"a", "\"", "\"a", "'", "''", "[", "{", "[a,", "{a: ", "{a,", "{a: b,", "[\"a\":", "- ", "-\n", "- - a\n", "? ", ": ", "a: ", "a:\n", "a: b\n", "? a\n: b\n",
	"!a ", "&a ", "*a ", "&a [", "%", "%a b\n", "|", ">\n", "|\n a\n", "\t", "\t\n", "#", " #", "#\n", "- #\n", "a: #\n", "[a, #\n", "\r", "\r\n", "\n", " ", " \n", "\\", "\x00", "\xff", "é",
	"--- a\n", "---\n", "...\n", "<<<<<<<\n", "interactions:\n", "version: 2\n", "    - id: 0\n", "      request:\n", "    # recorded 2026-11-23T18:28:17Z, crc32c 1a2b3c4d\n", "###\n", "# end: 1 interactions\n",
}

// TestNoFileTakesLong would run for minutes if the time grew with the square of the size.
func TestNoFileTakesLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	check := func(name, text string) {
		write(t, file, text)
		start := time.Now()
		_, _ = Load(file) // it may even be one
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("%s: %v for %d bytes", name, took, len(text))
		}
	}
	const field = header + "    - id: 0\n      request:\n        "
	for _, text := range wild {
		for _, head := range []string{header, field + "headers: "} {
			check(fmt.Sprintf("%q behind %q", text, head), head+strings.Repeat(text, (128<<10)/len(text)))
		}
	}
	for _, text := range []string{"a", "\"a", "[a, "} {
		line := text + strings.Repeat("a", 1<<20)
		check(fmt.Sprintf("one line that begins with %q", text), line)
		check(fmt.Sprintf("one field that begins with %q", text), field+"body: "+line)
	}
}

func TestALargeCassetteIsNotReadInOnePiece(t *testing.T) {
	large := numbered(0)
	large.Response.Body = strings.Repeat("0123456789abcdef", 10<<20/16)
	text := header + strings.Repeat(itemText(t, large), 7)
	lines := strings.Count(text, "\n")
	wrong := strings.Replace(itemText(t, numbered(1)), "code: 200", "code: s3cr3t", 1)
	before, _, _ := strings.Cut(wrong, "s3cr3t")
	file := filepath.Join(t.TempDir(), "c.yaml")
	for name, c := range map[string]struct{ text, want string }{
		"a wrong field":    {text + wrong, fmt.Sprintf("%s:%d: interaction 7: response.code is text", file, lines+1+strings.Count(before, "\n"))},
		"a wrong line":     {text + "    - id: 7\n      request: [\n", fmt.Sprintf("%s:%d: interaction 7: it is not YAML: a value is missing", file, lines+2)},
		"laid out oddly":   {strings.Replace(text, "interactions:", "interactions: # all", 1), file + ": it has more than 64 MiB that are not laid out as"},
		"as it is written": {text, ""},
	} {
		write(t, file, c.text)
		_, err := Load(file)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestNothingIsAppendedBehindTheEndOfADocument(t *testing.T) {
	for _, end := range []string{"...\n", "... \n", "... # the end\n"} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		text := stockText(t, 2) + end
		write(t, file, text)
		loadBoth(t, file, 2)
		if _, _, err := Append(file); err == nil || !strings.Contains(err.Error(), "none can be added") || readFile(t, file) != text {
			t.Errorf("behind %q: got %v", end, err)
		}
	}
}
