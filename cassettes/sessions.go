package cassettes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

type sessionName struct{}

// WithSession returns the context of a request that belongs to the session with that name.
func WithSession(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, sessionName{}, name)
}

// SessionName returns the name that WithSession gave, or "": the request belongs to the one cassette of the run.
func SessionName(ctx context.Context) string {
	name, _ := ctx.Value(sessionName{}).(string)
	return name
}

// hidesName reports whether the name of req's session has something in it that policy redacts in req.
func hidesName(policy *redact.Policy, req *http.Request) bool {
	name := SessionName(req.Context())
	r := cassette.Request{Method: name, URL: req.URL.String(), Headers: req.Header} // a method is redacted as a whole
	policy.Request(&r)
	return r.Method != name
}

// SessionHeader names the session of a request.
const SessionHeader = "X-Vcr-Cassette"

// idleAfter is how long a session may have nothing to do before it gives back its memory.
const idleAfter = time.Minute

// Sessions gives each request to the tape of the session that it names. It is an http.RoundTripper.
//
//	request ── SessionName ── Default, or the session's tape ── answer
//
// A session is opened by its first request. Sessions do not wait for each other and do not see each other's
// cursors. One that replays and has nothing to do gives back its memory, and goes on later where it was.
type Sessions struct {
	Default *Tape                       // of requests that name no session; nil if they have none
	Folder  *Folder                     // of the cassettes of the other sessions
	Open    func(string) (*Tape, error) // opens a session's tape, nil if there are none; an error that wraps fs.ErrNotExist: it has no cassette
	Policy  *redact.Policy
	Report  Report
	Notify  func(string) // receives what a user should know of the sessions, a sentence each
	// Live says that calls go to upstream: what belongs to no session is refused. Otherwise it is a miss.
	Live bool
	// Idle is how long a session may have nothing to do before it gives back its memory; 0 is a minute.
	Idle time.Duration

	mu   sync.Mutex
	open map[string]*session
}

// session is one that was named.
type session struct {
	name  string
	users int         // requests that it is answering; guarded by Sessions.mu
	idle  *time.Timer // guarded by Sessions.mu

	mu     sync.Mutex // held while it is opened or closed
	tape   *Tape      // nil while it is closed
	turns  []int      // those of the interactions, while it is closed
	stamp  stamp      // of the cassette when it was closed
	failed error      // why it could not be closed in order
}

// stamp tells whether a file is still the same.
type stamp struct {
	size int64
	time time.Time
}

// RoundTrip answers req as the tape of its session does. What belongs to no session is a miss, or refused.
func (s *Sessions) RoundTrip(req *http.Request) (*http.Response, error) {
	name := SessionName(req.Context())
	if name == "" && s.Default != nil {
		return s.Default.RoundTrip(req)
	}
	start := time.Now()
	if !s.knows(name) {
		if why := s.check(name, req); why != nil {
			return s.turnAway(why, req, start), nil
		}
	}
	entered := s.enter(name)
	defer s.leave(entered)
	tape, err := s.opened(entered)
	if err != nil {
		return s.turnAway(s.unopened(name, err), req, start), nil
	}
	return tape.RoundTrip(req)
}

// knows reports whether the session name has been opened.
func (s *Sessions) knows(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[name] != nil
}

// check returns why no session can have the name that req gives it, or nil.
func (s *Sessions) check(name string, req *http.Request) *Miss {
	switch err := CheckName(name); {
	case name == "":
		return &Miss{Reason: NoSession, Problem: "the request names no session",
			Mend: "send the header " + SessionHeader + ": NAME, or begin the base URL's path with /_vcr/NAME, or give --cassette FILE for such requests"}
	case err != nil:
		return &Miss{Reason: BadSession, Problem: "the name of its session can't be used: " + err.Error(),
			Mend: "write it like login or auth/login"}
	case hidesName(s.Policy, req):
		return &Miss{Reason: BadSession, Problem: "the name of its session can't be used: it has a credential, a SID, a phone number or an e-mail address, which are redacted everywhere else",
			Mend: "write it like login or auth/login"}
	case s.Open == nil:
		return &Miss{Reason: NoSuchSession, Problem: fmt.Sprintf("it names the session %s, but there is no cassette folder", name),
			Mend: "give --cassette-dir FOLDER, or name no session"}
	}
	return nil
}

// unopened says why the session name could not be opened.
func (s *Sessions) unopened(name string, err error) *Miss {
	if !errors.Is(err, fs.ErrNotExist) {
		return &Miss{Reason: UnusableCassette, Problem: fmt.Sprintf("the session %s can't be used", name), Mend: err.Error()}
	}
	file, _ := s.Folder.File(name, false)
	m := &Miss{Reason: NoSuchSession, Problem: fmt.Sprintf("there is no cassette %s", file)}
	m.Mend = fmt.Sprintf("record it with \"twilio-vcr auto --cassette-dir %s\"", s.Folder.path)
	if names := s.Folder.Closest(name, 5); len(names) > 0 {
		m.Problem += "; the closest sessions are " + strings.Join(names, ", ")
		m.Mend = "name one of them, or " + m.Mend
	}
	return m
}

// turnAway answers a request that belongs to no session.
func (s *Sessions) turnAway(why *Miss, req *http.Request, start time.Time) *http.Response {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	e := NewExchange(s.Policy, req)
	why.Method, why.Path, why.Nearest = e.Method, e.Path, -1
	if !s.Live {
		return s.Report.miss(why, e, req, start)
	}
	status := http.StatusBadRequest
	if why.Reason == UnusableCassette {
		status = http.StatusServiceUnavailable
	}
	refusal := verify.Errorf(status, "the call was not sent (%s): %s; %s", why.Reason, why.Problem, why.Mend)
	e.Detail = refusal.Message
	return s.Report.Own(refusal, e, Refused, req, start)
}

// enter notes that a request is being answered by the session name.
func (s *Sessions) enter(name string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]*session{}
	}
	e := s.open[name]
	if e == nil {
		e = &session{name: name}
		s.open[name] = e
	}
	e.users++
	return e
}

// leave undoes enter. The last one to leave starts the clock.
func (s *Sessions) leave(e *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	switch {
	case e.tape == nil && e.turns == nil: // it could not be opened
		delete(s.open, e.name)
	case e.tape != nil && e.tape.Session == nil: // it holds nothing that is worth giving back
	case e.idle != nil:
		e.idle.Reset(s.idleAfter())
	default:
		e.idle = time.AfterFunc(s.idleAfter(), func() { s.putAway(e) })
	}
}

func (s *Sessions) idleAfter() time.Duration {
	if s.Idle > 0 {
		return s.Idle
	}
	return idleAfter
}

// opened returns the tape of a session, which it opens if it is not open.
func (s *Sessions) opened(e *session) (*Tape, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tape != nil {
		return e.tape, nil
	}
	tape, err := s.Open(e.name)
	if err != nil {
		return nil, err
	}
	if e.turns == nil {
		s.notify(tape.Notices) // the first time
	} else if e.stamp == s.stampOf(e.name) {
		tape.Session.resume(e.turns)
	} else {
		s.notify([]string{fmt.Sprintf("the session %s begins anew: its cassette has changed while it had nothing to do", e.name)})
	}
	e.tape = tape
	return tape, nil
}

// putAway closes a session that has nothing to do, and keeps only where it was.
func (s *Sessions) putAway(e *session) {
	s.mu.Lock()
	if e.users > 0 {
		s.mu.Unlock()
		return
	}
	e.mu.Lock() // nobody has it: there are no users
	defer e.mu.Unlock()
	s.mu.Unlock()
	if e.tape == nil {
		return
	}
	notices, err := e.tape.Close()
	s.notify(notices)
	if err != nil { // it stays as it is, and says why at each call that it can't record
		e.failed = err
		return
	}
	e.turns, e.stamp, e.tape = e.tape.Session.turns(), s.stampOf(e.name), nil
}

func (s *Sessions) stampOf(name string) stamp {
	info, err := s.Folder.root.Stat(name + suffix)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

func (s *Sessions) notify(notices []string) {
	for _, n := range notices {
		if s.Notify != nil {
			s.Notify(n)
		}
	}
}

// Unused returns the interactions that have not answered, of the sessions that were used and of the default one,
// but not those of the built-in example.
func (s *Sessions) Unused() ([]Unused, error) {
	var all []Unused
	var failed error
	if s.Default != nil && s.Default.Session != nil && s.Default.Session.file != ExampleName {
		all = s.Default.Session.Unused()
	}
	for _, name := range s.names() {
		e := s.enter(name)
		tape, err := s.opened(e)
		if err != nil {
			failed = errors.Join(failed, err)
		} else if tape.Session != nil {
			all = append(all, tape.Session.Unused()...)
		}
		s.leave(e)
	}
	return all, failed
}

// names returns those of the sessions that were used, sorted.
func (s *Sessions) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.open))
}

// Close ends all recordings. No request may be under way any more, nor come.
func (s *Sessions) Close() error {
	var failed error
	if s.Default != nil {
		notices, err := s.Default.Close()
		s.notify(notices)
		failed = err
	}
	for _, name := range s.names() {
		e := s.enter(name) // so that it is not put away at the same time
		e.mu.Lock()
		if e.tape != nil {
			notices, err := e.tape.Close()
			s.notify(notices)
			failed = errors.Join(failed, e.failed, err)
		}
		e.mu.Unlock()
	}
	return failed
}
