// Package proxy is the HTTP side: it takes requests in, decides who may come in, gives them to the
// transport of the mode through one httputil.ReverseProxy, and tells of every exchange.
//
//	client ── guard ── httputil.ReverseProxy ── transport of the mode ── upstream or cassette
//
// It knows nothing of the format of cassettes and nothing of flags.
package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

// headerPrefix begins the headers that are meant for the proxy. They are never sent on.
const headerPrefix = "X-Vcr-"

// forwarding are the headers that ReverseProxy takes away from a request, and that a client may well
// have sent.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// Handler is the proxy's front doors: a base URL, and CONNECT if there is a Certifier. Its exported fields must not be
// changed once it serves.
type Handler struct {
	Certifier Certifier // of what stands in for upstream in tunnels; nil if CONNECT is not answered
	Tunnel    []string  // hosts beside upstream to which tunnels are let through unseen
	Offline   bool      // nothing is let through, whatever Tunnel says

	upstream *url.URL
	policy   *redact.Policy
	journal  *Journal
	proxy    *httputil.ReverseProxy
	tunnels  *tunnels
}

// New returns the proxy for upstream whose mode is transport. Each exchange is told to journal: by the
// transport, or here if it never gets that far.
func New(transport http.RoundTripper, upstream *url.URL, policy *redact.Policy, journal *Journal) *Handler {
	h := &Handler{upstream: upstream, policy: policy, journal: journal, tunnels: newTunnels()}
	h.proxy = &httputil.ReverseProxy{
		Rewrite:      h.rewrite,
		Transport:    transport,
		ErrorHandler: h.fail,
		ErrorLog:     journal.copyLog(),
		BufferPool:   &buffers{},
	}
	return h
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		h.connect(w, r)
		return
	}
	defer drain(r, r.Body)
	why := h.guard(r)
	if why != nil {
		h.refuse(w, r, why)
		return
	}
	in, why := withSession(r)
	if why != nil {
		h.refuse(w, r, why)
		return
	}
	r = in
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(nil, r.Body, cassettes.MaxBody)
	}
	// The answer has the headers of the tape or of upstream: net/http is to add none.
	w.Header()["Date"] = nil
	w.Header()["Content-Type"] = nil
	h.proxy.ServeHTTP(w, r)
}

// maxDrained is how much of a refused body is read to the end: 64 MiB.
const maxDrained = 64 << 20

// drain reads what is left of the body of r. A client that is still sending when the connection is closed
// sees that it was reset, and not the answer. One that waits to be asked for its body is not asked.
func drain(r *http.Request, body io.Reader) {
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, body, maxDrained) // the answer is what matters
	}
}

// rewrite aims a request at upstream and undoes what ReverseProxy has changed in it: the query, which it
// takes bad parts out of, and the forwarding headers.
func (h *Handler) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	r.SetURL(h.target(r.In))
	if r.In.URL.Path == "*" { // of OPTIONS; it is no path to join (RFC 9110, section 9.3.7)
		r.Out.URL.Path, r.Out.URL.RawPath = "*", ""
	}
	if !isOwnName(hostname(r.In.Host)) {
		r.Out.Host = r.In.Host // a name of the API's; ours would mean nothing to upstream
	}
	for _, name := range forwarding {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
	// What comes back must be readable, and it must be an answer, not a change of protocol.
	for _, name := range []string{"Accept-Encoding", "Connection", "Upgrade"} {
		delete(r.Out.Header, name)
	}
	for name := range r.Out.Header {
		if strings.HasPrefix(name, headerPrefix) {
			delete(r.Out.Header, name)
		}
	}
}

// target returns where a request goes: upstream, or where that is Twilio itself, the regional host that a tunnel
// leads to.
func (h *Handler) target(r *http.Request) *url.URL {
	t := tunnelOf(r.Context())
	if t == nil || !strings.EqualFold(h.upstream.Host, verify.Host) {
		return h.upstream
	}
	u := *h.upstream
	u.Host = t.host
	return &u
}

// fail answers a request for which the transport has no answer: its body could not be read, or its connection is
// to be cut.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooLong *http.MaxBytesError
	switch {
	case errors.Is(err, fault.ErrDropped):
		panic(http.ErrAbortHandler) // net/http's way to have a connection cut; it logs nothing
	case errors.As(err, &tooLong):
		h.refuse(w, r, errTooLong)
	case errors.Is(err, context.Canceled):
		h.refuse(w, r, verify.Errorf(http.StatusBadRequest, "the client went away"))
	default:
		h.refuse(w, r, verify.Errorf(http.StatusBadRequest, "the body of the request broke off or is malformed; send it whole"))
	}
}

// refuse answers a request that goes no further.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, why *verify.Error) {
	e := cassettes.NewExchange(h.policy, r)
	e.Outcome, e.Status, e.Detail = cassettes.Refused, why.Status, why.Message
	h.journal.Tell(e)
	w.Header().Set(cassettes.OutcomeHeader, string(cassettes.Refused))
	why.Write(w)
}

// buffers are what answers are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
