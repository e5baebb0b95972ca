// Package run puts together what a config.Config asks for: one run of the proxy, in its mode.
//
//	config.Config ── cassettes.Deck, cassettes.Sessions ── fault.Injector ── proxy.New
//
// Here the mode decides how tapes are made. Nothing below asks which mode it is.
package run

import (
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/config"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/ca"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

// Run is a proxy that is ready to answer, with its cassettes open.
type Run struct {
	Handler http.Handler
	Journal *proxy.Journal

	cfg      *config.Config
	logger   *zap.Logger
	sessions *cassettes.Sessions
	ca       func() (*ca.CA, error) // the user's, which is made or read when it is first needed
}

// New opens the cassettes that cfg asks for. What the user should know of them goes to logger. Its error is a
// sentence that names the file.
func New(cfg *config.Config, logger *zap.Logger) (*Run, error) {
	r := &Run{Journal: proxy.NewJournal(logger), cfg: cfg, logger: logger}
	r.ca = sync.OnceValues(func() (*ca.CA, error) { return CA(cfg, ca.Open) })
	report := cassettes.Report{Tell: r.Journal.Tell, Mark: cfg.Mark}
	r.sessions = &cassettes.Sessions{Policy: cfg.Redact, Report: report, Live: cfg.Mode != config.Replay, Notify: func(n string) { logger.Warn(n) }}
	var err error
	if cfg.Mode == config.Passthrough {
		r.passthrough(report)
	} else {
		err = r.open(newDeck(cfg, report))
	}
	if err != nil {
		return nil, err
	}
	if d := r.sessions.Default; d != nil {
		for _, notice := range d.Notices {
			logger.Warn(notice)
		}
	}
	var transport http.RoundTripper = r.sessions
	if len(cfg.Faults) > 0 {
		transport = &fault.Injector{Next: transport, Rules: cfg.Faults, Seed: cfg.Seed, Policy: cfg.Redact, Report: report}
	}
	h := proxy.New(transport, cfg.Upstream, cfg.Redact, r.Journal)
	h.Certifier, h.Tunnel, h.Offline = certifier(r.ca), cfg.Tunnel, cfg.Mode == config.Replay
	r.Handler = h
	return r, nil
}

// Listen takes the address of the run, with TLS if it is asked for.
func (r *Run) Listen() (net.Listener, error) {
	if !r.cfg.TLS {
		return proxy.Listen(r.cfg.Listen)
	}
	authority, err := r.ca()
	if err != nil {
		return nil, err
	}
	l, err := proxy.Listen(r.cfg.Listen)
	if err != nil {
		return nil, err
	}
	r.logger.Info("clients need to trust the local CA, in "+ca.Variables, zap.String("ca", authority.Path()))
	return proxy.Secure(l, authority, r.Journal), nil
}

// CA returns the user's CA for cfg, by ca.Open or ca.Renew.
func CA(cfg *config.Config, open func(dir string, domains []string) (*ca.CA, error)) (*ca.CA, error) {
	dir, err := ca.Dir()
	if err != nil {
		return nil, err
	}
	return open(dir, cfg.Domains())
}

// certifier is a CA that is opened when it is first needed, as a proxy.Certifier.
type certifier func() (*ca.CA, error)

func (open certifier) Certificate(host string) (*tls.Certificate, error) {
	authority, err := open()
	if err != nil {
		return nil, err
	}
	return authority.Certificate(host)
}

// passthrough sends the calls of all sessions to upstream.
func (r *Run) passthrough(report cassettes.Report) {
	tape := &cassettes.Tape{RoundTripper: &cassettes.Passthrough{Upstream: proxy.NewUpstream(), Policy: r.cfg.Redact, Report: report}}
	r.sessions.Default = tape
	r.sessions.Open = func(string) (*cassettes.Tape, error) { return tape, nil }
}

// open opens the one cassette of the run, if there is one, and says how those of sessions are opened.
func (r *Run) open(deck *cassettes.Deck) error {
	cfg, s := r.cfg, r.sessions
	record := deck.Record
	if cfg.Mode == config.Auto {
		record = deck.Auto
	}
	var err error
	if cfg.Folder != "" {
		if s.Folder, err = cassettes.OpenFolder(cfg.Folder, s.Live); err != nil {
			return err
		}
		s.Open = func(name string) (*cassettes.Tape, error) {
			if !s.Live {
				return replay(deck, cfg.MatchFor(name), func() (*cassettes.Cassette, error) { return s.Folder.Load(name) })
			}
			file, err := s.Folder.File(name, true)
			if err != nil {
				return nil, err
			}
			return record(file, cfg.MatchFor(name))
		}
	}
	switch match := cfg.MatchFor(cfg.Cassette); {
	case s.Live && cfg.Cassette != "":
		s.Default, err = record(cfg.Cassette, match)
	case cfg.Cassette != "":
		limitMemory(cfg.Cassette)
		s.Default, err = replay(deck, match, func() (*cassettes.Cassette, error) { return cassettes.Load(cfg.Cassette) })
	case s.Folder == nil:
		s.Default, err = replay(deck, match, cassettes.Example)
	}
	return err
}

// newDeck has what the tapes of a run have in common.
func newDeck(cfg *config.Config, report cassettes.Report) *cassettes.Deck {
	d := &cassettes.Deck{
		Policy: cfg.Redact, Report: report, Play: cassettes.Play(cfg.Play), Latency: cfg.Latency, Seed: cfg.Seed,
		Limits: &cassettes.Limits{Allow: cfg.Allow, Max: cfg.MaxLive}, Skip: cfg.Skip, Append: cfg.Append, Overwrite: cfg.Overwrite,
	}
	if cfg.Mode != config.Replay { // which has no network code
		d.Upstream = proxy.NewUpstream()
	}
	if cfg.MaxAge > 0 {
		d.Oldest = time.Now().Add(-cfg.MaxAge)
	}
	return d
}

func replay(deck *cassettes.Deck, match cassettes.Match, load func() (*cassettes.Cassette, error)) (*cassettes.Tape, error) {
	c, err := load()
	if err != nil {
		return nil, err
	}
	return deck.Replay(c, match), nil
}

// limitMemory keeps a run with a large cassette below three times its size, where the garbage collector
// would let it grow to four, unless GOMEMLIMIT says otherwise. What it needs is two times the size.
func limitMemory(cassette string) {
	const large = 64 << 20
	info, err := os.Stat(cassette)
	if err == nil && info.Size() > large && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(info.Size() / 10 * 27)
	}
}

// Close closes the cassettes of a run that has not begun.
func (r *Run) Close() error { return r.sessions.Close() }

// End closes the cassettes, writes the summary to the log, and returns the account of the run. No request may be
// under way any more. The error says which recording could not be ended in order.
func (r *Run) End() (*proxy.Report, error) {
	var unused []cassettes.Unused
	var failed error
	if r.cfg.Strict || r.cfg.Report != "" { // else nobody wants to know
		unused, failed = r.sessions.Unused()
	}
	err := errors.Join(failed, r.sessions.Close())
	r.Journal.Summarize()
	return r.Journal.Report(string(r.cfg.Mode), r.cfg.Strict, unused), err
}
