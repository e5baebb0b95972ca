package cassettes

import (
	"net/http"
	"strconv"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Outcome is how a request was answered.
type Outcome string

const (
	Recorded   Outcome = "recorded"   // by upstream, and it is on the tape
	Unrecorded Outcome = "unrecorded" // by upstream, but it could not be put on the tape
	Replayed   Outcome = "replayed"   // from the tape
	Repeated   Outcome = "repeated"   // from the tape, by an interaction that had answered before
	Missed     Outcome = "miss"       // nothing on the tape answers
	Passed     Outcome = "passed"     // by upstream, in passthrough mode
	Skipped    Outcome = "skipped"    // by upstream, and left off the tape because its status is one of those to be skipped
	Faulted    Outcome = "fault"      // by a fault that was asked for
	Failed     Outcome = "failed"     // upstream gave no answer that could be used
	Refused    Outcome = "refused"    // not let in, or not sent on because the tape can't be written
)

// The headers of an answer that say how it came about: its Outcome, and the number of its interaction on the tape.
// Answers that are neither upstream's nor the tape's always have the first one.
const (
	OutcomeHeader     = "X-Vcr-Outcome"
	InteractionHeader = "X-Vcr-Interaction"
)

// Exchange is what is told about one request and its answer. It holds no secrets.
type Exchange struct {
	Session     string // its name, "" for that of the one cassette of the run
	Outcome     Outcome
	Method      string
	Path        string // redacted, without the query
	Status      int
	Duration    time.Duration
	Interaction int    // its number on the tape, or -1
	Live        bool   // upstream was called
	Detail      string // why, where the outcome calls for a reason
	Miss        *Miss  // with Missed: the whole explanation, whose text is Detail
}

// Report is where exchanges are told, and whether their answers are marked. Its zero value does neither.
type Report struct {
	// Tell receives each exchange before its answer goes out. It is called concurrently.
	Tell func(Exchange)
	// Mark has all answers say how they came about, in OutcomeHeader and InteractionHeader.
	Mark bool
}

// NewExchange begins the account of a request.
func NewExchange(policy *redact.Policy, req *http.Request) Exchange {
	request := cassette.Request{Method: req.Method, URL: req.URL.String(), Headers: req.Header}
	policy.Request(&request)
	e := redactedExchange(req, &request)
	if e.Session != "" && (CheckName(e.Session) != nil || hidesName(policy, req)) {
		e.Session = "" // it is refused, and not repeated
	}
	return e
}

// redactedExchange is NewExchange for a request that has been redacted.
func redactedExchange(req *http.Request, redacted *cassette.Request) Exchange {
	path, _ := splitURL(redacted.URL)
	return Exchange{Session: SessionName(req.Context()), Method: redacted.Method, Path: path, Interaction: -1}
}

// Send completes e, marks its answer and tells of it.
func (r Report) Send(e Exchange, outcome Outcome, answer *http.Response, start time.Time) {
	e.Outcome, e.Status, e.Duration = outcome, answer.StatusCode, time.Since(start)
	if r.Mark {
		answer.Header.Set(OutcomeHeader, string(outcome))
		if e.Interaction >= 0 {
			answer.Header.Set(InteractionHeader, strconv.Itoa(e.Interaction))
		}
	}
	if r.Tell != nil {
		r.Tell(e)
	}
}

// Own returns an answer to req that is neither upstream's nor the tape's, and is marked as such, and tells of it.
func (r Report) Own(answer *verify.Error, e Exchange, outcome Outcome, req *http.Request, start time.Time) *http.Response {
	resp := answer.Response(req)
	resp.Header.Set(OutcomeHeader, string(outcome))
	r.Send(e, outcome, resp, start)
	return resp
}

// miss returns the answer to a request that nothing on a tape answers, a 501 in Twilio's shape, and tells of it.
func (r Report) miss(why *Miss, e Exchange, req *http.Request, start time.Time) *http.Response {
	e.Miss, e.Detail = why, why.String()
	return r.Own(verify.Errorf(http.StatusNotImplemented, "%s", e.Detail), e, Missed, req, start)
}
