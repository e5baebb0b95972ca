// Package redact takes credentials out of interactions before they reach the disk, a log or an error.
//
// It works in four steps, and a later step does not trust an earlier one:
//
//  1. by place: the headers that carry credentials (verify.SecretHeaders);
//  2. by shape: account and API key SIDs, wherever they stand;
//  3. by value: the credentials of this very exchange, wherever they are echoed, escaped or in base64;
//  4. Found.Check, on the bytes that are about to be written: what is still there is an error.
//
// What is put in a value's place keeps its form: a SID stays a SID, and other values keep their length.
package redact

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Placeholder stands where a header's secret was.
const Placeholder = "REDACTED"

// Policy says what is redacted. Its zero value is the default policy. It is safe for concurrent use, and
// must not be copied.
type Policy struct {
	cache cache
}

// Interaction redacts it in place and returns what was found, for Check.
// Redacting an interaction a second time changes nothing.
func (p *Policy) Interaction(it *cassette.Interaction) *Found {
	found := p.found(it.Request.Headers, it.Response.Headers, it.Request.URL)
	found.request(&it.Request)
	found.response(&it.Response)
	return found
}

// Request redacts what a match key and a message are made of, in place: method, URL, body and form. Of the
// headers only Content-Type is kept, in a map that must not be changed. It returns what was found.
func (p *Policy) Request(r *cassette.Request) *Found {
	found := p.found(r.Headers, nil, r.URL)
	for _, s := range []*string{&r.Method, &r.URL, &r.Body} {
		*s = found.text(*s)
	}
	r.Form = found.values(r.Form)
	if media := r.Headers["Content-Type"]; len(media) > 0 {
		r.Headers = p.cache.contentType(found.text(media[0]))
	} else {
		r.Headers = nil
	}
	return found
}

func (f *Found) request(r *cassette.Request) {
	length := len(r.Body)
	for _, s := range []*string{&r.URL, &r.Host, &r.RemoteAddr, &r.RequestURI, &r.Body, &r.Proto, &r.Method} {
		*s = f.text(*s)
	}
	f.texts(r.TransferEncoding)
	r.Form = f.values(r.Form)
	r.Headers = f.header(r.Headers)
	r.Trailer = f.header(r.Trailer)
	keepLength(&r.ContentLength, r.Headers, length, len(r.Body))
}

func (f *Found) response(r *cassette.Response) {
	length := len(r.Body)
	for _, s := range []*string{&r.Body, &r.Status, &r.Proto} {
		*s = f.text(*s)
	}
	f.texts(r.TransferEncoding)
	r.Headers = f.header(r.Headers)
	r.Trailer = f.header(r.Trailer)
	keepLength(&r.ContentLength, r.Headers, length, len(r.Body))
}

// keepLength corrects what told the length of a body before it was redacted, and leaves alone what
// told something else (the answer to a HEAD request, for one).
func keepLength(length *int64, h http.Header, before, after int) {
	if *length == int64(before) {
		*length = int64(after)
	}
	if values := h["Content-Length"]; len(values) == 1 && values[0] == strconv.Itoa(before) {
		h["Content-Length"] = []string{strconv.Itoa(after)}
	}
}

func (f *Found) texts(values []string) {
	for i, v := range values {
		values[i] = f.text(v)
	}
}

func (f *Found) values(values map[string][]string) map[string][]string {
	if values == nil {
		return nil
	}
	redacted := make(map[string][]string, len(values))
	for k, vv := range values {
		vv = slices.Clone(vv)
		f.texts(vv)
		k = f.text(k)
		redacted[k] = append(redacted[k], vv...)
	}
	return redacted
}

// header returns h with the secret headers masked by place and all others by shape and value.
func (f *Found) header(h http.Header) http.Header {
	redacted := http.Header(f.values(h))
	for _, name := range verify.SecretHeaders {
		for i, v := range redacted[name] {
			redacted[name][i] = maskHeader(name, v)
		}
	}
	return redacted
}

// maskHeader returns what stands on the tape in the place of a secret header's value. The scheme of an
// Authorization and the names and attributes of cookies stay: they say how the API was called.
func maskHeader(name, value string) string {
	switch name {
	case "Authorization", "Proxy-Authorization":
		if _, _, known := cutScheme(value); !known {
			return Placeholder
		}
		scheme, _, _ := strings.Cut(value, " ")
		return scheme + " " + Placeholder
	case "Set-Cookie":
		pair, attributes, more := strings.Cut(value, ";")
		masked := maskCookie(pair)
		if more {
			masked += ";" + attributes
		}
		return masked
	case "Cookie":
		pairs := strings.Split(value, ";")
		for i, pair := range pairs {
			pairs[i] = maskCookie(pair)
		}
		return strings.Join(pairs, ";")
	}
	return Placeholder
}

func maskCookie(pair string) string {
	name, _, ok := strings.Cut(pair, "=")
	if !ok {
		return Placeholder
	}
	return name + "=" + Placeholder
}
