package cassettes

import (
	"net/http"
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
	Failed     Outcome = "failed"     // upstream gave no answer that could be used
	Refused    Outcome = "refused"    // not let in, or not sent on because the tape can't be written
)

// OutcomeHeader marks the answers that are not upstream's.
const OutcomeHeader = "X-Vcr-Outcome"

// Exchange is what is told about one request and its answer. It holds no secrets.
type Exchange struct {
	Outcome     Outcome
	Method      string
	Path        string // redacted, without the query
	Status      int
	Duration    time.Duration
	Interaction int    // its number on the tape, or -1
	Detail      string // why, where the outcome calls for a reason
}

// Report receives each exchange before its answer goes out. It is called concurrently.
type Report func(Exchange)

// NewExchange begins the account of a request.
func NewExchange(policy *redact.Policy, req *http.Request) Exchange {
	request := cassette.Request{Method: req.Method, URL: req.URL.String(), Headers: req.Header}
	policy.Request(&request)
	return redactedExchange(&request)
}

// redactedExchange is NewExchange for a request that has been redacted.
func redactedExchange(redacted *cassette.Request) Exchange {
	path, _ := splitURL(redacted.URL)
	return Exchange{Method: redacted.Method, Path: path, Interaction: -1}
}

// send completes e and reports it.
func (report Report) send(e Exchange, outcome Outcome, resp *http.Response, start time.Time) {
	e.Outcome, e.Status, e.Duration = outcome, resp.StatusCode, time.Since(start)
	if report != nil {
		report(e)
	}
}

// own returns an answer of our own, marked as such, and reports it.
func own(answer *verify.Error, report Report, e Exchange, outcome Outcome, req *http.Request, start time.Time) *http.Response {
	resp := answer.Response(req)
	resp.Header.Set(OutcomeHeader, string(outcome))
	report.send(e, outcome, resp, start)
	return resp
}
