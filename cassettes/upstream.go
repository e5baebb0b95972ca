package cassettes

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// upstreamTimeout is how long upstream may take for an answer, all in all. The SDKs give up after 10 s
// (Go) and 30 s (Node); a call is still finished and recorded then.
const upstreamTimeout = 60 * time.Second

// reply is upstream's answer to one call.
type reply struct {
	*http.Response        // with its body to be read once more
	body           []byte // its body, but no more than MaxBody+1 bytes
}

// call sends req with body to upstream and reads the answer. It goes on when the client goes away.
// The error is the answer for the client; it repeats nothing that upstream sent.
func call(upstream http.RoundTripper, req *http.Request, body []byte, timeout time.Duration) (*reply, *verify.Error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), timeout)
	resp, err := upstream.RoundTrip(withBody(req.WithContext(ctx), body))
	if err != nil {
		cancel()
		return nil, explain(err, req.URL.Host)
	}
	received, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		_ = resp.Body.Close()
		cancel()
		return nil, explain(err, req.URL.Host)
	}
	r := &reply{Response: resp, body: received}
	if len(received) <= MaxBody {
		_ = resp.Body.Close()
		cancel()
		resp.Body = io.NopCloser(bytes.NewReader(received))
		return r, nil
	}
	resp.Body = &rest{io.MultiReader(bytes.NewReader(received), resp.Body), resp.Body, cancel}
	return r, nil
}

// rest is a body of which the first part was read.
type rest struct {
	io.Reader
	body   io.Closer
	cancel context.CancelFunc
}

func (r *rest) Close() error {
	defer r.cancel()
	return r.body.Close()
}

// explain turns an error of the HTTP client into an answer for the client: 504 when upstream took too long,
// 502 otherwise. The error's own text may quote what upstream sent, so it is not used.
func explain(err error, host string) *verify.Error {
	var (
		timeout     net.Error
		dns         *net.DNSError
		op          *net.OpError
		errno       syscall.Errno
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return verify.Errorf(http.StatusGatewayTimeout, "upstream %s did not answer in time", host)
	case errors.As(err, &dns):
		return verify.Errorf(http.StatusBadGateway, "the name of upstream %s can't be resolved; check --upstream and the network", host)
	case errors.As(err, &op) && op.Op == "dial":
		why := "no connection"
		if errors.As(err, &errno) {
			why = errno.Error()
		}
		return verify.Errorf(http.StatusBadGateway, "upstream %s can't be reached: %s; check --upstream and the network", host, why)
	case errors.As(err, &certificate):
		return verify.Errorf(http.StatusBadGateway, "the TLS certificate of upstream %s is not trusted; if it is your own, add its CA to the file that SSL_CERT_FILE names", host)
	case errors.As(err, &record), errors.As(err, &alert):
		return verify.Errorf(http.StatusBadGateway, "upstream %s refused the TLS handshake; does it speak plain http?", host)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return verify.Errorf(http.StatusBadGateway, "upstream %s broke off the connection before its answer was whole", host)
	}
	return verify.Errorf(http.StatusBadGateway, "upstream %s sent an answer that is no valid HTTP", host)
}
