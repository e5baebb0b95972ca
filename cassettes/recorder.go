package cassettes

import (
	"net/http"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Recorder calls upstream and puts each request and its response on a cassette, redacted.
// It is an http.RoundTripper.
//
// The client gets upstream's response untouched, and when it has it, the interaction is on the disk.
// When the cassette can't be written any more, Recorder answers 503 and does not call upstream.
type Recorder struct {
	Upstream http.RoundTripper
	Writer   *Writer
	Policy   *redact.Policy
	Report   Report
	Timeout  time.Duration // of a call, 60 s if it is 0
	// Added receives each interaction that was put on the cassette, before the answer goes out.
	Added func(*cassette.Interaction)
}

// RoundTrip sends req to upstream, records what was said, and returns upstream's response, or 502 or 504
// in Twilio's shape if there was none. The error is set only if req's body can't be read.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	captured, undecodable := captureRequest(req, body)
	redacted := captured
	r.Policy.Request(&redacted)
	e := NewExchange(&redacted)

	if err := r.Writer.Err(); err != nil {
		e.Detail = err.Error()
		refusal := verify.Errorf(http.StatusServiceUnavailable,
			"the call was not sent, because it could not be recorded: %s; make room or mend the cassette folder, and start again", err)
		return own(refusal, r.Report, e, Refused, req, start), nil
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = upstreamTimeout
	}
	reply, failure := call(r.Upstream, req, body, timeout)
	if failure != nil {
		e.Detail = failure.Message
		return own(failure, r.Report, e, Failed, req, start), nil
	}
	err = undecodable
	if err == nil {
		e.Interaction, err = r.keep(captured, reply, time.Since(start))
	}
	if err != nil {
		e.Interaction, e.Detail = -1, "not recorded: "+err.Error()
		r.Report.send(e, Unrecorded, reply.Response, start)
		return reply.Response, nil
	}
	r.Report.send(e, Recorded, reply.Response, start)
	return reply.Response, nil
}

// keep redacts what was captured and puts it on the cassette. It returns its number there.
func (r *Recorder) keep(request cassette.Request, reply *reply, took time.Duration) (int, error) {
	response, err := captureResponse(reply.Response, reply.body, took)
	if err != nil {
		return 0, err
	}
	it := &cassette.Interaction{Request: request, Response: response}
	found := r.Policy.Interaction(it)
	id, err := r.Writer.Append(it, found.Check)
	if err == nil && r.Added != nil {
		r.Added(it)
	}
	return id, err
}
