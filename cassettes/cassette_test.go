package cassettes

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

func TestCassettesOfOthersAreRead(t *testing.T) {
	item := "- request:\n    method: GET\n    url: http://x/\n  response:\n    code: 200\n    body: |\n      - id: 5\n      ...\n"
	indented := func(by int) string {
		prefix := strings.Repeat(" ", by)
		return prefix + strings.ReplaceAll(strings.TrimSuffix(item, "\n"), "\n", "\n"+prefix) + "\n"
	}
	for name, text := range map[string]string{
		"as stock indents":       "---\nversion: 2\ninteractions:\n" + indented(4),
		"dashes in column 0":     "---\nversion: 2\ninteractions:\n" + indented(0),
		"dashes in column 2":     "---\nversion: 2\ninteractions:\n" + indented(2),
		"no version":             "interactions:\n" + indented(2),
		"version at the end":     "interactions:\n" + indented(2) + "version: 2\n",
		"JSON":                   `{"version": 2, "interactions": [{"request": {"method": "GET", "url": "http://x/"}, "response": {"code": 200, "body": "- id: 5\n...\n"}}]}`,
		"end of document":        "---\nversion: 2\ninteractions:\n" + indented(4) + "...\n",
		"a comment after a list": "---\nversion: 2\ninteractions: # some\n" + indented(4),
		"CRLF":                   strings.ReplaceAll("---\nversion: 2\ninteractions:\n"+indented(4), "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			write(t, file, text)
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Interactions) != 1 || c.Interactions[0].Response.Body != "- id: 5\n...\n" || len(c.Notices) > 0 {
				t.Errorf("got %d interactions, %+v, %v", len(c.Interactions), c.Interactions[0].Response, c.Notices)
			}
		})
	}
}

func TestAHandEditIsAllowedAndSaid(t *testing.T) {
	file := recorded(t, 3)
	text := readFile(t, file)
	for name, c := range map[string]struct {
		edit  func() string
		count int
		want  string
	}{
		"a body is changed":      {func() string { return strings.Replace(text, "body-1", "body-x", 1) }, 3, "interaction 1 was changed after it was recorded"},
		"a mark is gone":         {func() string { return dropLine(text, "# recorded", 1) }, 3, "interaction 1 was changed after it was recorded"},
		"an interaction is gone": {func() string { return dropItem(text, 1) }, 2, "the end mark counts 3 interactions, but there are 2"},
		"the end mark is gone":   {func() string { return dropLine(text, "# end", 0) }, 3, "the end mark is missing"},
		"all are gone":           {func() string { return text[:strings.Index(text, committed)] }, 0, "it holds no interactions"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := filepath.Join(t.TempDir(), "edited.yaml")
			write(t, edited, c.edit())
			got, err := Load(edited)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Interactions) != c.count {
				t.Errorf("got %d interactions, want %d", len(got.Interactions), c.count)
			}
			if !strings.Contains(strings.Join(got.Notices, "\n"), c.want) {
				t.Errorf("got notices %q, want %q", got.Notices, c.want)
			}
		})
	}
}

func TestLineEndsChangedByGitAreNoEdit(t *testing.T) {
	file := recorded(t, 2)
	write(t, file, strings.ReplaceAll(readFile(t, file), "\n", "\r\n"))
	c, err := Load(file)
	if err != nil || len(c.Notices) > 0 || len(c.Interactions) != 2 {
		t.Errorf("got %v, %v", c, err)
	}
}

// recorded makes a cassette of n different interactions with bodies body-0, body-1 …, closed in order.
func recorded(t *testing.T, n int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, 0, n)
	return file
}

// appendAll writes interactions from..to and closes w.
func appendAll(t *testing.T, w *Writer, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := w.Append(numbered(i), nothingToCheck); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func numbered(i int) *cassette.Interaction {
	return &cassette.Interaction{
		Request: cassette.Request{
			Method: "POST", URL: fmt.Sprintf("https://verify.twilio.com/%d", i), Body: fmt.Sprintf("n=%d", i),
			Form: url.Values{"n": {fmt.Sprint(i)}}, Headers: http.Header{"Content-Type": {formMedia}},
		},
		Response: cassette.Response{Code: 200, Body: fmt.Sprintf("body-%d", i), Headers: http.Header{"X": {"é"}}},
	}
}

// dropLine removes the n-th line that holds what.
func dropLine(text, what string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.Contains(line, what) {
			if n == 0 {
				return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
			}
			n--
		}
	}
	return text
}

// dropItem removes interaction n with its separator and its mark.
func dropItem(text string, n int) string {
	items := strings.Split(text, committed+"\n")
	return strings.Join(append(items[:n+1:n+1], items[n+2:]...), committed+"\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
