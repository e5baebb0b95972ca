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
	Match    Match // by which a replay will look for what is recorded
	Report   Report
	Timeout  time.Duration // of a call, 60 s if it is 0
	Limits   *Limits       // which calls may be sent; the others get a 403
	Skip     Statuses      // answers with these are left off the tape
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
	e := NewExchange(r.Policy, req)

	if err := r.Writer.Err(); err != nil {
		e.Detail = err.Error()
		refusal := verify.Errorf(http.StatusServiceUnavailable,
			"the call was not sent, because it could not be recorded: %s; make room or mend the cassette folder, and start again", err)
		return r.Report.Own(refusal, e, Refused, req, start), nil
	}
	if refusal := r.Limits.admit(req); refusal != nil {
		e.Detail = refusal.Message
		return r.Report.Own(refusal, e, Refused, req, start), nil
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = upstreamTimeout
	}
	e.Live = true
	reply, failure := call(r.Upstream, req, body, timeout)
	if failure != nil {
		e.Detail = failure.Message
		return r.Report.Own(failure, e, Failed, req, start), nil
	}
	outcome := Recorded
	if r.Skip.Has(reply.StatusCode) {
		outcome = Skipped
	} else if id, findable, err := r.keep(req, body, reply, time.Since(start)); err != nil {
		outcome, e.Detail = Unrecorded, "not recorded: "+err.Error()
	} else if e.Interaction = id; !findable {
		e.Detail = unfindable
	}
	r.Report.Send(e, outcome, reply.Response, start)
	return reply.Response, nil
}

// unfindable is said of an interaction that its own request will not find.
const unfindable = "a replay will not find it by this request: the answer shows that something in the request is personal, " +
	"and so it was redacted there too; name its field in redact.fields, then every request is redacted so"

// keep captures what was said, redacts it and puts it on the cassette. It returns its number there, and whether
// the same request will find it.
func (r *Recorder) keep(req *http.Request, body []byte, reply *reply, took time.Duration) (id int, findable bool, err error) {
	request, err := captureRequest(req, body)
	if err != nil {
		return 0, false, err
	}
	response, err := captureResponse(reply.Response, reply.body, took)
	if err != nil {
		return 0, false, err
	}
	it := &cassette.Interaction{Request: request, Response: response}
	found := r.Policy.Interaction(it)
	id, err = r.Writer.Append(it, func(text string) error { return checkText(found, text) })
	if err != nil {
		return 0, false, err
	}
	if r.Added != nil {
		r.Added(it)
	}
	return id, r.Match.unredacted(r.Policy, lookupRequest(req, body)) == r.Match.unredacted(r.Policy, it.Request), nil
}
