// Package redact takes credentials and personal values out of interactions before they reach the disk, a log
// or an error.
//
// It works in four steps, and a later step does not trust an earlier one:
//
//  1. by place: the headers, fields and path segments of verify.Fields, in whatever they are nested;
//  2. by shape: SIDs of accounts and API keys, phone numbers, e-mail addresses, wherever they stand;
//  3. by value: what step 1 has found, wherever else in the exchange it stands, escaped or in base64;
//  4. Found.Check, on the bytes that are about to be written: what is still there is an error.
//
// What is put in a value's place keeps its form (see stand), so that SDKs and schemas still take it.
//
//	verify.Fields  which fields are secret, and what they are
//	place.go       step 1, and json.go for JSON
//	shape.go       step 2
//	finder.go      step 3
//	unescape.go    the layers of escapes that steps 2 to 4 look through
package redact

import (
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Placeholder stands where a header's secret was.
const Placeholder = "REDACTED"

// Interaction redacts it in place and returns what was found, for Check.
// Redacting an interaction a second time changes nothing.
func (p *Policy) Interaction(it *cassette.Interaction) *Found { return p.interaction(it, nil) }

// Explain is Interaction, and also returns what was redacted, and where.
func (p *Policy) Explain(it *cassette.Interaction) ([]Hit, *Found) {
	var hits []Hit
	found := p.interaction(it, &hits)
	return hits, found
}

func (p *Policy) interaction(it *cassette.Interaction, hits *[]Hit) *Found {
	found := p.found(it.Request.Headers, it.Response.Headers, it.Request.URL)
	found.hits = hits
	requestLength, responseLength := len(it.Request.Body), len(it.Response.Body)
	found.untilStable(func(s step) bool {
		request, response := edit{found, s, false}, edit{found, s, false}
		found.at = "request"
		request.request(&it.Request)
		found.at = "response"
		response.response(&it.Response)
		return request.changed || response.changed
	})
	keepLength(&it.Request.ContentLength, it.Request.Headers, requestLength, len(it.Request.Body))
	keepLength(&it.Response.ContentLength, it.Response.Headers, responseLength, len(it.Response.Body))
	return found
}

// Request redacts what a match key and a message are made of, in place: method, URL, body and form. Of the
// headers only Content-Type and those named in keep stay, in a map that must not be changed. It returns what was
// found.
func (p *Policy) Request(r *cassette.Request, keep ...string) *Found {
	found := p.found(r.Headers, nil, r.URL)
	media := r.Headers["Content-Type"]
	found.restores = true
	known := p.cache.url(p, r.URL)
	found.own = append(found.own, known.own...)
	for _, name := range p.placed() { // what they hold may stand in the body too
		for _, v := range r.Headers[name] {
			found.header(name, v)
		}
	}
	found.untilStable(func(s step) bool {
		e := edit{found, s, false}
		e.text(&r.Method, part{kind: other})
		found.valuesOnly = known.part.kind == clean
		e.text(&r.URL, known.part)
		found.valuesOnly = false
		e.text(&r.Body, bodyOf(r.Headers, r.Body, verify.InForm|verify.InJSON))
		r.Form = e.values(r.Form, field)
		return e.changed
	})
	kept := found.headers(r.Headers, keep)
	r.Headers = nil
	if len(media) > 0 {
		r.Headers = p.cache.contentType(found.byValue(part{kind: other}, media[0]))
	}
	if len(kept) > 0 {
		maps.Copy(kept, r.Headers)
		r.Headers = kept
	}
	return found
}

// headers returns the headers of h with the given names, redacted.
func (f *Found) headers(h http.Header, names []string) http.Header {
	if len(names) == 0 {
		return nil
	}
	kept := http.Header{}
	for _, name := range names {
		for _, value := range h[name] {
			p := part{kind: header, name: name}
			kept.Add(name, f.byValue(p, f.byPlace(p, value)))
		}
	}
	return kept
}

// step is what is done with a part of an interaction.
type step func(f *Found, p part, text string) string

// untilStable lets both steps go over all parts, first the one that finds values. What is put in a value's place
// has no structure that the first step could find something in; only the user's own patterns may.
func (f *Found) untilStable(over func(step) (changed bool)) {
	if slices.ContainsFunc(f.credentials, func(c *credentials) bool { return c.torn }) {
		f.valuesOnly = true
		over((*Found).byValue)
		f.valuesOnly = false
	}
	for range maxRounds {
		byPlace, byValue := over((*Found).byPlace), over((*Found).byValue)
		if !byPlace && !byValue || len(f.policy.regexps) == 0 {
			return
		}
	}
}

// part is where a text of an interaction stands, which says how it is read.
type part struct {
	kind     partKind
	name     string       // of the header or the field
	in       verify.Place // of a body's fields
	boundary string       // of a multipart body
}

type partKind string

const (
	header    partKind = "header"
	field     partKind = "form"
	location  partKind = "URL"
	jsonBody  partKind = "JSON body"
	formBody  partKind = "form body"
	multipart partKind = "multipart body"
	textBody  partKind = "body"
	other     partKind = "line or address"
	clean     partKind = "URL without fields" // of which it is known that no field and no shape is in it
)

func (p part) String() string { return strings.TrimSpace(string(p.kind) + " " + p.name) }

// bodyOf returns the part that body is in a message with header h. What looks like JSON is read as JSON, and what
// looks like a form as a form, whatever the header says; curl, for one, calls JSON a form if it is not told.
func bodyOf(h http.Header, body string, in verify.Place) part {
	media, boundary := "", ""
	if values := h["Content-Type"]; len(values) > 0 {
		media = values[0]
	}
	if media != formMedia { // which nearly all requests are
		if kind, parameters, err := mime.ParseMediaType(media); err == nil {
			media, boundary = kind, parameters["boundary"]
		}
	}
	p := part{kind: textBody, in: in, boundary: boundary}
	switch {
	case looksLikeJSON(body) && (media != formMedia || json.Valid([]byte(body))):
		p.kind = jsonBody
	case media == formMedia, looksLikeForm(body):
		p.kind = formBody
	case strings.HasPrefix(media, "multipart/") && boundary != "":
		p.kind = multipart
	}
	return p
}

const formMedia = "application/x-www-form-urlencoded"

// byPlace redacts the fields of the index, and notes their values.
func (f *Found) byPlace(p part, text string) string {
	switch p.kind {
	case clean:
		return text
	case header:
		return f.header(p.name, text)
	case field:
		return f.field(p.name, text, verify.InForm)
	case location:
		return f.url(text)
	case jsonBody:
		return f.jsonByPlace(text, p.in, verify.Readable)
	case formBody:
		return f.form(text, verify.InForm)
	case multipart:
		return f.multipart(text, p.boundary)
	}
	return f.loose(p.in, text)
}

// byValue redacts what has the shape of a secret, and the values that were noted.
func (f *Found) byValue(p part, text string) string {
	switch {
	case p.kind == jsonBody:
		return f.jsonText(text)
	case p.kind == formBody:
		return f.formText(text)
	case p.kind == header && p.name == "Content-Length": // the number of a code may be a length
		return text
	}
	return f.text(p, text)
}

// edit lets one step go over the parts of a message.
type edit struct {
	found   *Found
	step    step
	changed bool
}

func (e *edit) text(s *string, p part) {
	if *s == "" {
		return
	}
	if with := e.step(e.found, p, *s); with != *s {
		*s, e.changed = with, true
	}
}

func (e *edit) texts(values []string, p part) {
	for i := range values {
		e.text(&values[i], p)
	}
}

// values returns the headers or the fields of a form, redacted, in a map of their own.
func (e *edit) values(values map[string][]string, kind partKind) map[string][]string {
	if values == nil {
		return nil
	}
	redacted := make(map[string][]string, len(values))
	for name, vv := range values {
		vv = slices.Clone(vv)
		e.texts(vv, part{kind: kind, name: name})
		e.text(&name, part{kind: other})
		redacted[name] = append(redacted[name], vv...)
	}
	return redacted
}

func (e *edit) request(r *cassette.Request) {
	body := bodyOf(r.Headers, r.Body, verify.InForm|verify.InJSON)
	r.Headers = e.values(r.Headers, header)
	r.Trailer = e.values(r.Trailer, header)
	e.text(&r.URL, part{kind: location})
	e.text(&r.RequestURI, part{kind: location})
	e.text(&r.Body, body)
	r.Form = e.values(r.Form, field)
	e.text(&r.RemoteAddr, part{kind: header, name: "X-Forwarded-For"})
	for _, s := range []*string{&r.Host, &r.Proto, &r.Method} {
		e.text(s, part{kind: other})
	}
	e.texts(r.TransferEncoding, part{kind: other})
}

func (e *edit) response(r *cassette.Response) {
	body := bodyOf(r.Headers, r.Body, verify.InJSON)
	r.Headers = e.values(r.Headers, header)
	r.Trailer = e.values(r.Trailer, header)
	e.text(&r.Body, body)
	for _, s := range []*string{&r.Status, &r.Proto} {
		e.text(s, part{kind: other})
	}
	e.texts(r.TransferEncoding, part{kind: other})
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

// header returns what stands on the tape for a header's value.
func (f *Found) header(name, value string) string {
	field, _, _ := f.policy.fields().Find(name, nil, verify.InHeader, f.path)
	if field.Kind != verify.Credential {
		return f.value(field.Kind, func() string { return "header " + name }, verify.InJSON, value)
	}
	canonical := http.CanonicalHeaderKey(name) // a cassette may have been written by hand
	with := maskHeader(canonical, value)
	if with != value {
		if !slices.Contains(verify.SecretHeaders, name) { // one of the user's own; the others are noted already
			f.credentials = append(f.credentials, f.policy.cache.get(canonical, value))
		}
		f.hit(func() string { return "header " + name }, string(verify.Credential))
	}
	return with
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
