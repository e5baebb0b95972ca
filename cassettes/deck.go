package cassettes

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Deck makes the tapes of a run: it has what they have in common.
type Deck struct {
	Policy   *redact.Policy
	Report   Report
	Play     Play
	Latency  Latency
	Seed     uint64            // of Latency's jitter
	Upstream http.RoundTripper // nil if nothing is recorded
	Limits   *Limits
	Skip     Statuses
	// Oldest is the time before which interactions are outdated: a replay tells of them, a recording takes them
	// off the tape when they have been recorded afresh. If it is zero, none are.
	Oldest    time.Time
	Append    bool // Record adds to an existing cassette
	Overwrite bool // Record replaces an existing cassette
}

// Replay returns a tape that answers from c.
func (d *Deck) Replay(c *Cassette, match Match) *Tape {
	if !d.Oldest.IsZero() {
		c.NoticeAge(d.Oldest)
	}
	p := d.player(c, match)
	return &Tape{RoundTripper: p, Session: p.Session, Notices: c.Notices}
}

// Auto returns a tape that answers from the cassette in file, and records to it what is missing or outdated.
func (d *Deck) Auto(file string, match Match) (*Tape, error) {
	w, c, err := Append(file)
	if err != nil {
		return nil, err
	}
	t := &Tape{Writer: w}
	d.outdate(t, c, match)
	p := d.player(c, match)
	r := d.recorder(t, match)
	replace := r.Added
	r.Added = func(it *cassette.Interaction) {
		p.Session.Add(it)
		replace(it)
	}
	p.Miss = r
	t.RoundTripper, t.Session = p, p.Session
	return t, nil
}

// Record returns a tape that records all calls to the cassette in file. An existing one is an error, unless Append
// or Overwrite is set.
func (d *Deck) Record(file string, match Match) (*Tape, error) {
	t := &Tape{}
	var err error
	switch {
	case d.Append:
		var c *Cassette
		if t.Writer, c, err = Append(file); err == nil {
			d.outdate(t, c, match)
		}
	case d.Overwrite:
		t.Writer, err = Overwrite(file)
	default:
		if t.Writer, err = Create(file); errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("the cassette %s exists: add to it with --append, or replace it with --overwrite", file)
		}
	}
	if err != nil {
		return nil, err
	}
	t.RoundTripper = d.recorder(t, match)
	return t, nil
}

// outdate takes what is outdated out of c, to be recorded afresh on t, and tells what c has to notice.
func (d *Deck) outdate(t *Tape, c *Cassette, match Match) {
	if !d.Oldest.IsZero() {
		t.Outdated = c.Outdated(d.Oldest, d.Policy, match)
	}
	t.Notices = c.Notices
}

func (d *Deck) player(c *Cassette, match Match) *Player {
	return &Player{
		Session: NewSession(c, d.Policy, match, d.Play),
		Policy:  d.Policy, Report: d.Report, Latency: d.Latency, Seed: d.Seed,
	}
}

// recorder returns the one that records to t.
func (d *Deck) recorder(t *Tape, match Match) *Recorder {
	return &Recorder{
		Upstream: d.Upstream, Writer: t.Writer, Policy: d.Policy, Match: match, Report: d.Report, Limits: d.Limits, Skip: d.Skip,
		Added: func(it *cassette.Interaction) {
			if t.Outdated != nil {
				t.Outdated.Replace(it)
			}
		},
	}
}
