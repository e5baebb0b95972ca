package cassettes

import (
	"net/http"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Passthrough sends requests to upstream and records nothing. It is an http.RoundTripper.
type Passthrough struct {
	Upstream http.RoundTripper
	Policy   *redact.Policy
	Report   Report
}

// RoundTrip returns upstream's response as it comes, or 502 or 504 in Twilio's shape if there is none.
func (p *Passthrough) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	request := cassette.Request{Method: req.Method, URL: req.URL.String(), Headers: req.Header}
	p.Policy.Request(&request)
	e := NewExchange(&request)
	resp, err := p.Upstream.RoundTrip(req)
	if err != nil {
		failure := explain(err, req.URL.Host)
		e.Detail = failure.Message
		return own(failure, p.Report, e, Failed, req, start), nil
	}
	p.Report.send(e, Passed, resp, start)
	return resp, nil
}
