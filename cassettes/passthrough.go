package cassettes

import (
	"net/http"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Passthrough sends requests to upstream and records nothing. It is an http.RoundTripper.
type Passthrough struct {
	Upstream http.RoundTripper
	Policy   *redact.Policy
	Report   Report
}

// RoundTrip returns upstream's response as it comes, or 502 or 504 in Twilio's shape if there is none. The
// error is set only if req's body can't be read or its client has gone away.
func (p *Passthrough) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	e := NewExchange(p.Policy, req)
	e.Live = true
	resp, err := p.Upstream.RoundTrip(withBody(req, body))
	if err != nil {
		if req.Context().Err() != nil {
			return nil, err // the client has gone away
		}
		failure := explain(err, req.URL.Host)
		e.Detail = failure.Message
		return p.Report.Own(failure, e, Failed, req, start), nil
	}
	p.Report.Send(e, Passed, resp, start)
	return resp, nil
}
