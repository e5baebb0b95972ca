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
	match  Match
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
func NewSession(c *Cassette, policy *redact.Policy, match Match, play Play) *Session {
	s := &Session{
		file:    c.File,
		policy:  policy,
		match:   match,
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
	key, _ := s.match.redacted(s.policy, &request)
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

// turns returns how often each interaction has answered.
func (s *Session) turns() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	turns := make([]int, len(s.answers))
	for i, a := range s.answers {
		turns[i] = a.turns
	}
	return turns
}

// resume goes on where a session of the same cassette was that had these turns.
func (s *Session) resume(turns []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range turns[:min(len(turns), len(s.answers))] {
		s.answers[i].turns = n
	}
	for _, t := range s.tracks {
		taken := 0
		for _, a := range t.answers {
			taken += a.turns
		}
		t.next = min(taken, len(t.answers))
		if s.play == PlayLoop {
			t.next = taken % len(t.answers)
		}
	}
}

// Unused is an interaction that has not answered.
type Unused struct {
	Cassette    string `json:"cassette"` // its file
	Interaction int    `json:"interaction"`
	Method      string `json:"method"`
	Path        string `json:"path"` // redacted
}

// Unused returns the interactions that have not answered.
func (s *Session) Unused() []Unused {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Unused
	for _, a := range s.answers {
		if a.turns == 0 {
			path, _ := splitURL(a.request.URL)
			all = append(all, Unused{s.file, a.it.ID, a.request.Method, path})
		}
	}
	return all
}

// next returns the answer whose turn it is for key, and how many turns it has had with this one; nil if there
// is none.
func (s *Session) next(key Key) (a *answer, turn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[key]
	if t == nil {
		return nil, 0
	}
	if t.next == len(t.answers) {
		switch s.play {
		case PlayOnce:
			return nil, 0
		case PlayLoop:
			t.next = 0
		default:
			t.next--
		}
	}
	a = t.answers[t.next]
	t.next++
	a.turns++
	return a, a.turns
}
