package cassettes

import (
	"sync"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Play says what answers a request whose interactions have all had their turn.
type Play string

const (
	PlayLast Play = "last" // the last of them, again and again
	PlayOnce Play = "once" // none: it is a miss
	PlayLoop Play = "loop" // the first of them, and so on
)

// Session is one client's cursor over one cassette: it knows which interactions have had their turn.
// Finding an interaction takes the same time however many there are. It is safe for concurrent use.
type Session struct {
	file   string
	policy *redact.Policy
	play   Play

	mu      sync.Mutex
	tracks  map[Key]*track
	answers []*answer // all, in recorded order
}

// track is the interactions of one key, in recorded order.
type track struct {
	answers []*answer
	next    int
}

// NewSession returns a cursor at the beginning of c. The interactions of c must not be changed any more.
func NewSession(c *Cassette, policy *redact.Policy, play Play) *Session {
	s := &Session{
		file:    c.File,
		policy:  policy,
		play:    play,
		tracks:  make(map[Key]*track, len(c.Interactions)),
		answers: make([]*answer, 0, len(c.Interactions)),
	}
	for _, it := range c.Interactions {
		s.add(it)
	}
	return s
}

// Add puts an interaction that has just been recorded behind the others. It has had its turn: the client
// that it was recorded for has its answer.
func (s *Session) Add(it *cassette.Interaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, t := s.add(it)
	a.turns = 1
	t.next = len(t.answers)
}

func (s *Session) add(it *cassette.Interaction) (*answer, *track) {
	request := it.Request // a cassette that somebody else wrote may not be redacted
	if request.Body != "" {
		request.Form = nil // it only repeats the body
	}
	s.policy.Request(&request)
	key := KeyOf(&request)
	t := s.tracks[key]
	if t == nil {
		t = &track{}
		s.tracks[key] = t
	}
	a := newAnswer(it, &request)
	if request.URL == it.Request.URL && request.Body == it.Request.Body && request.Body != "" {
		a.request = &it.Request // it was redacted already: a copy would only take memory
	}
	t.answers = append(t.answers, a)
	s.answers = append(s.answers, a)
	return a, t
}

// next returns the answer whose turn it is for key, and whether it has had a turn before; nil if there
// is none.
func (s *Session) next(key Key) (a *answer, repeated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[key]
	if t == nil {
		return nil, false
	}
	if t.next == len(t.answers) {
		switch s.play {
		case PlayOnce:
			return nil, false
		case PlayLoop:
			t.next = 0
		default:
			t.next--
		}
	}
	a = t.answers[t.next]
	t.next++
	a.turns++
	return a, a.turns > 1
}
