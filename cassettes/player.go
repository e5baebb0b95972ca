package cassettes

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Player answers requests from a cassette. It is an http.RoundTripper that never touches the network,
// unless Miss does.
//
// Interactions with the same match key are answered in recorded order; what follows the last one is
// decided by the session's Play. An answer speaks in the caller's own identifiers: where the request
// carried a SID whose pseudonym stands in the answer, the caller gets its own SID back.
type Player struct {
	Session *Session
	Policy  *redact.Policy
	Report  Report
	// Latency is how long an answer takes, if it would take less. Its jitter is drawn from Seed.
	Latency Latency
	Seed    uint64
	// Miss answers what the cassette does not. Requests of the same key wait for each other, so that
	// the second finds what the first has recorded. If it is nil, a miss is a 501 in Twilio's shape.
	Miss http.RoundTripper

	missing keyLocks
}

// RoundTrip answers req with the next recorded response of its key, or with a miss. The error is set only
// if req's body can't be read or its client has gone away.
func (p *Player) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	request := lookupRequest(req, body)
	key, found := p.Session.match.redacted(p.Policy, &request)

	if a, turn := p.Session.next(key); a != nil {
		return p.answer(req, &request, found, key, a, turn, start)
	}
	if p.Miss == nil {
		e := redactedExchange(req, &request)
		return p.Report.miss(p.Session.explain(&request, key), e, req, start), nil
	}
	unlock := sync.OnceFunc(p.missing.lock(key))
	defer unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if a, turn := p.Session.next(key); a != nil { // recorded while we waited
		unlock() // the others need not wait for our latency
		return p.answer(req, &request, found, key, a, turn, start)
	}
	return p.Miss.RoundTrip(withBody(req, body))
}

func (p *Player) answer(req *http.Request, redacted *cassette.Request, found *redact.Found, key Key, a *answer, turn int, start time.Time) (*http.Response, error) {
	latency := p.Latency.of(a.it.Response.Duration, p.Seed, key, a.it.ID, turn)
	if err := Sleep(req.Context(), latency-time.Since(start)); err != nil {
		return nil, err
	}
	resp := a.response(req, found)
	e := redactedExchange(req, redacted)
	e.Interaction = a.it.ID
	outcome := Replayed
	if turn > 1 {
		outcome = Repeated
	}
	p.Report.Send(e, outcome, resp, start)
	return resp, nil
}

// answer is a recorded response, made ready to be sent.
type answer struct {
	it         *cassette.Interaction
	request    *cassette.Request // redacted
	pseudonyms bool              // SIDs in it stand for those of the caller
	turns      int               // how often it has answered; guarded by the session's mutex
}

func newAnswer(it *cassette.Interaction, redacted *cassette.Request) *answer {
	a := &answer{it: it, request: redacted}
	a.pseudonyms = redact.HasPseudonym(it.Response.Body)
	for _, values := range it.Response.Headers {
		for _, v := range values {
			a.pseudonyms = a.pseudonyms || redact.HasPseudonym(v)
		}
	}
	return a
}

// response returns the recorded response for a caller in whose request found was found. Its maps are its
// own: the ReverseProxy writes to them.
func (a *answer) response(req *http.Request, found *redact.Found) *http.Response {
	r := &a.it.Response
	body, header, trailer := r.Body, r.Headers.Clone(), r.Trailer.Clone()
	if header == nil {
		header = http.Header{}
	}
	if a.pseudonyms {
		body = found.Restore(body)
		for _, values := range header {
			for i := range values {
				values[i] = found.Restore(values[i])
			}
		}
	}
	resp := &http.Response{
		Status:        r.Status,
		StatusCode:    r.Code,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Trailer:       trailer,
		ContentLength: -1,
		Body:          io.NopCloser(strings.NewReader(body)),
		Request:       req,
	}
	switch _, told := header["Content-Length"]; {
	case req.Method == http.MethodHead || r.Code == http.StatusNotModified || r.Code == http.StatusNoContent:
		resp.Body, resp.ContentLength = http.NoBody, 0 // and the length that was told stays
	case len(trailer) > 0:
		header.Del("Content-Length") // trailers follow the last chunk
	case told:
		resp.ContentLength = int64(len(body))
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	return resp
}

// keyLocks lets one request of a key in at a time. Its zero value is ready to use.
type keyLocks struct {
	mu    sync.Mutex
	locks map[Key]*keyLock
}

type keyLock struct {
	sync.Mutex
	users int // those who hold it or wait for it; guarded by keyLocks.mu
}

// lock waits for key and returns the function that lets the next one in.
func (k *keyLocks) lock(key Key) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[Key]*keyLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
	}
}
