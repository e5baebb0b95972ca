package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// Report is the account of a run, for people and for CI. It holds no secrets.
type Report struct {
	Mode     string             `json:"mode"`
	Strict   bool               `json:"strict"`
	Upstream int                `json:"upstream"` // calls that were sent there
	Outcomes map[string]int     `json:"outcomes"` // how many requests had which outcome
	Misses   []*Missed          `json:"misses"`
	Untold   int                `json:"untold,omitempty"` // requests that were missed in more ways than are listed
	Unused   []cassettes.Unused `json:"unused"`
}

// Missed is a miss, and how often it came about in the same way.
type Missed struct {
	Session string `json:"session,omitempty"`
	Count   int    `json:"count"`
	Text    string `json:"text"`
	*cassettes.Miss
}

// Report returns the account of a run that is over, of which these interactions have not answered.
func (j *Journal) Report(mode string, strict bool, unused []cassettes.Unused) *Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &Report{
		Mode: mode, Strict: strict, Upstream: j.live, Outcomes: map[string]int{}, Untold: j.untold,
		Misses: append([]*Missed{}, j.misses...), Unused: append([]cassettes.Unused{}, unused...),
	}
	for outcome, n := range j.counts {
		r.Outcomes[string(outcome)] = n
	}
	return r
}

// Missed returns how many requests nothing on a tape has answered.
func (r *Report) Missed() int { return r.Outcomes[string(cassettes.Missed)] }

// Unrecorded returns how many calls were answered that are not on a tape, and should be.
func (r *Report) Unrecorded() int { return r.Outcomes[string(cassettes.Unrecorded)] }

// maxRows is how many rows of each kind the table has.
const maxRows = 50

// WriteTable writes the misses and the unused interactions as a table, if there are any.
func (r *Report) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(r.Misses) > 0 {
		fmt.Fprintln(t, "MISSES\tREASON\tWHY")
		for _, m := range r.Misses[:min(len(r.Misses), maxRows)] {
			fmt.Fprintf(t, "%d\t%s\t%s\n", m.Count, m.Reason, m.Text)
		}
		_ = t.Flush() // to memory
		more(&b, len(r.Misses)-maxRows)
	}
	if len(r.Unused) > 0 {
		fmt.Fprintln(t, "UNUSED\tINTERACTION\tREQUEST")
		for _, u := range r.Unused[:min(len(r.Unused), maxRows)] {
			fmt.Fprintf(t, "%s\t%d\t%s %s\n", u.Cassette, u.Interaction, u.Method, u.Path)
		}
		_ = t.Flush()
		more(&b, len(r.Unused)-maxRows)
	}
	_, err := b.WriteTo(w)
	return err
}

func more(b *bytes.Buffer, n int) {
	if n > 0 {
		fmt.Fprintf(b, "and %d more; --report FILE lists them\n", n)
	}
}

// Save writes the report to file, in one step: as JUnit XML if its name ends in .xml, otherwise as JSON.
func (r *Report) Save(file string) error {
	var b bytes.Buffer
	encode := r.encodeJSON
	if strings.HasSuffix(file, ".xml") {
		encode = r.encodeXML
	}
	err := encode(&b)
	if err == nil {
		err = replaceFile(file, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write the report %s: %w; name another place with --report", file, err)
	}
	return nil
}

// replaceFile puts a file with data in its place, which everybody may read: a CI server may run as another user,
// and there is nothing in it that is not in the log.
func replaceFile(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // if it has not got its name
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	return err
}

func (r *Report) encodeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
