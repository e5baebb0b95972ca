package cassettes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// unsentHeaders are recorded headers that belong to the connection, to the client's address, or to the proxy.
var unsentHeaders = append([]string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}, append(slices.Clone(verify.SecretHeaders), verify.PersonalHeaders...)...)

// request returns the request of it, aimed at upstream, with the SIDs and the credentials of now, and its body;
// or why it is not to be sent.
func (r *checkRun) request(ctx context.Context, it, redacted *cassette.Interaction) (req *http.Request, body []byte, why string) {
	method := it.Request.Method
	path, query := splitURL(it.Request.URL)
	if !isSafe(method) && !r.Changes {
		shown, _ := splitURL(redacted.Request.URL)
		return nil, nil, fmt.Sprintf("%s %s changes state; --yes sends it too", method, shown)
	}
	text := it.Request.Body
	if text == "" && len(it.Request.Form) > 0 { // a cassette written by hand
		text = it.Request.Form.Encode()
	}
	for _, part := range []struct {
		name string
		text *string
	}{{"path", &path}, {"query", &query}, {"body", &text}} {
		real, unknown := r.moves.real(*part.text)
		if unknown != "" {
			return nil, nil, unknownSID(part.name, unknown)
		}
		*part.text = real
	}
	u, err := r.target(path, query)
	if err != nil {
		return nil, nil, "its URL can't be asked for; set request.url right"
	}
	req, err = http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, nil, "it is no request of HTTP; set request.method and request.url right"
	}
	req.Header = r.headers(&it.Request)
	req.SetBasicAuth(r.User, r.Password)
	return req, []byte(text), ""
}

func unknownSID(where, pseudonym string) string {
	why := fmt.Sprintf("its %s holds the pseudonym %s, and no answer before it has told the real SID", where, pseudonym)
	if pseudonym[:2] == "AC" {
		why += "; set TWILIO_ACCOUNT_SID"
	}
	return why
}

// target returns the URL at upstream of a recorded path, which may begin with upstream's own.
func (r *checkRun) target(path, query string) (*url.URL, error) {
	base := strings.TrimSuffix(r.Upstream.EscapedPath(), "/")
	if !strings.HasPrefix(path, base+"/") {
		path = base + path
	}
	u, err := url.Parse(r.Upstream.Scheme + "://" + r.Upstream.Host + path)
	if err != nil {
		return nil, err
	}
	if u.Host != r.Upstream.Host { // the path was none, and the credentials go to no other host
		return nil, errors.New("another host")
	}
	u.RawQuery = query
	return u, nil
}

// headers returns the recorded headers that are sent again, with the SIDs of now.
func (r *checkRun) headers(recorded *cassette.Request) http.Header {
	header := http.Header{"User-Agent": {""}} // net/http's mark for none
	for name, values := range recorded.Headers {
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(unsentHeaders, name) || strings.HasPrefix(name, "X-Vcr-") || !isToken(name) {
			continue
		}
		var sent []string
		for _, value := range values {
			if real, unknown := r.moves.real(value); unknown == "" && isSendable(value) {
				sent = append(sent, real)
			}
		}
		if len(sent) > 0 {
			header[name] = sent
		}
	}
	return header
}

// isSendable reports whether a header's value is one, and not what stands for a secret.
func isSendable(value string) bool {
	return !strings.Contains(value, redact.Placeholder) && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f })
}
