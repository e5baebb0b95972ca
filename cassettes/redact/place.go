package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// value returns what stands for a value, without escapes, of that kind. Where tells where it stands.
func (f *Found) value(kind verify.Kind, where func() string, in verify.Place, value string) string {
	switch kind {
	case verify.Readable:
		return f.loose(in, value)
	case verify.Message:
		return f.message(where, in, value)
	case allowed:
		f.allow(value)
		return value
	}
	if looksLikeJSON(value) && json.Valid([]byte(value)) {
		return f.jsonByPlace(value, in, kind)
	}
	spans := stand(kind, value)
	if len(spans) == 0 {
		return value
	}
	f.note(kind, value)
	f.hit(where, string(kind))
	return replace(value, spans)
}

// loose returns a value of no field that is known, with what is in it redacted: fields of JSON, of a form or of
// a URL's query, and what the user's own patterns find.
func (f *Found) loose(in verify.Place, value string) string {
	if len(value) < 4 || f.nested > maxNested {
		return value
	}
	f.nested++
	defer func() { f.nested-- }()
	value = f.patterns(value)
	switch {
	case looksLikeJSON(value):
		return f.jsonByPlace(value, in, verify.Readable)
	case strings.IndexByte(value, '/') >= 0:
		return f.urls(value)
	case looksLikeForm(value):
		return f.form(value, verify.InForm|verify.InQuery)
	}
	return value
}

// maxNested is how deep values are looked for in values.
const maxNested = 8

// invalidParameter is how Twilio repeats what it got.
// Source: https://www.twilio.com/docs/api/errors/60200
var invalidParameter = regexp.MustCompile("^(Invalid parameter:? *`?([A-Za-z.]+)`?: *)(.+)$")

func (f *Found) message(where func() string, in verify.Place, value string) string {
	if m := invalidParameter.FindStringSubmatch(value); m != nil {
		if field, _, ok := f.policy.fields().Find(m[2], nil, verify.InForm, f.path); ok {
			return m[1] + f.value(field.Kind, where, in, m[3])
		}
	}
	return f.loose(in, value)
}

// looksLikeForm reports whether text is made of names and values as a form is, and of nothing else.
func looksLikeForm(text string) bool {
	inName := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c <= ' ', c == '"', c == '<', c == '>':
			return false
		case c == '&':
			if inName {
				return false
			}
			inName = true
		case inName && c == '=':
			if i == 0 || text[i-1] == '&' {
				return false
			}
			inName = false
		case inName && !isWord(c) && strings.IndexByte("_.[]%-", c) < 0:
			return false
		}
	}
	return !inName
}

// form returns a form or a query, as it is written, with the fields of the index redacted. What is not replaced
// stays byte for byte.
func (f *Found) form(text string, in verify.Place) string {
	var spans []span
	for start := 0; start < len(text); {
		end := strings.IndexByte(text[start:], '&')
		if end < 0 {
			end = len(text) - start
		}
		end += start
		if name, raw, ok := strings.Cut(text[start:end], "="); ok && raw != "" {
			plain := unescapeForm(raw)
			if with := f.field(unescapeForm(name), plain, in); with != plain {
				spans = append(spans, span{start: end - len(raw), end: end, with: escapeLike(raw, with)})
			}
		}
		start = end + 1
	}
	return replace(text, spans)
}

// field returns what stands for the value of a field of a form or a query.
func (f *Found) field(name, value string, in verify.Place) string {
	field, _, _ := f.policy.fields().Find(name, nil, in, f.path)
	if field.Kind == verify.Readable {
		return f.loose(in|verify.InJSON, value) // nearly always: no closure is made for it
	}
	return f.value(field.Kind, func() string {
		if in&verify.InForm != 0 {
			return "form " + name
		}
		return "query " + name
	}, in|verify.InJSON, value)
}

func unescapeForm(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// escapeLike escapes value as raw is escaped.
func escapeLike(raw, value string) string {
	escaped := url.QueryEscape(value)
	if strings.Contains(raw, "%20") {
		escaped = strings.ReplaceAll(escaped, "+", "%20")
	}
	for _, c := range []string{"@", ":", "/"} {
		if strings.Contains(raw, c) {
			escaped = strings.ReplaceAll(escaped, url.QueryEscape(c), c)
		}
	}
	return escaped
}

// urls returns text with the URLs in it redacted, and the paths that stand by themselves: "The requested resource
// /Services/VA…/Entities/jane was not found".
func (f *Found) urls(text string) string {
	var spans []span
	for i := 0; ; {
		next := strings.IndexByte(text[i:], '/')
		if next < 0 {
			return replace(text, spans)
		}
		i += next
		step := f.target
		switch {
		case i > 0 && text[i-1] == ':' && strings.HasPrefix(text[i:], "//"):
			i += len("//")
			step = f.hierarchy
		case i > 0 && isInURL(text[i-1]):
			i++
			continue
		}
		end := i
		for end < len(text) && isInURL(text[end]) {
			end++
		}
		if with := step(text[i:end]); with != text[i:end] {
			spans = append(spans, span{start: i, end: end, with: with})
		}
		i = end
	}
}

func isInURL(c byte) bool {
	switch c {
	case '"', '\'', '<', '>', '\\', '`', '{', '}', '|':
		return false
	}
	return c > ' '
}

// url returns a URL, or what stands behind a host, with the fields of the index redacted.
func (f *Found) url(raw string) string {
	if i := strings.Index(raw, "://"); i >= 0 && !strings.ContainsAny(raw[:i], "/?#") {
		i += len("://")
		return replaceTail(raw, i, f.hierarchy(raw[i:]))
	}
	return f.target(raw)
}

// replaceTail returns s with tail behind its first i bytes, without a copy if that is s.
func replaceTail(s string, i int, tail string) string {
	if s[i:] == tail {
		return s
	}
	return s[:i] + tail
}

// hierarchy returns what stands behind the scheme of a URL: user, password, host, path, query.
func (f *Found) hierarchy(rest string) string {
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if target := f.target(rest[end:]); target != rest[end:] {
		rest = rest[:end] + target
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		rest = f.userinfo(rest[:at]) + rest[at:]
	}
	return rest
}

func (f *Found) userinfo(info string) string {
	user, password, both := strings.Cut(info, ":")
	with := Placeholder
	if both {
		with += ":" + Placeholder
	}
	if with != info {
		c := &credentials{}
		c.addPair(unescapePath(user) + ":" + unescapePath(password))
		f.credentials = append(f.credentials, c)
		f.hit(named("URL"), string(verify.Credential)+" before the host")
	}
	return with
}

// target returns a path with its query and fragment.
func (f *Found) target(target string) string {
	if i := strings.IndexByte(target, '#'); i >= 0 {
		target = replaceTail(target, i+1, f.form(target[i+1:], verify.InQuery))
		return f.target(target[:i]) + target[i:]
	}
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target = replaceTail(target, i+1, f.form(target[i+1:], verify.InQuery))
		if path := f.segments(target[:i]); path != target[:i] {
			return path + target[i:]
		}
		return target
	}
	return f.segments(target)
}

// segments returns a path with the segments redacted that follow those of the index.
func (f *Found) segments(path string) string {
	var spans []span
	for start := 0; start < len(path); {
		end := strings.IndexByte(path[start:], '/')
		if end < 0 {
			break // no segment follows
		}
		end += start
		name := path[start:end]
		start = end + 1
		raw, _, _ := strings.Cut(path[start:], "/")
		if raw == "" || name == "" {
			continue
		}
		field, _, _ := f.policy.fields().Find(name, nil, verify.InPath, path)
		plain := unescapePath(raw)
		if field.Kind == verify.Address && startsSID(plain) {
			continue
		}
		with := f.patterns(plain)
		if field.Kind != verify.Readable {
			with = f.value(field.Kind, named("path"), 0, plain)
		}
		if with != plain {
			escaped := url.PathEscape(with)
			if strings.IndexByte(raw, '%') >= 0 {
				escaped = strings.ReplaceAll(url.QueryEscape(with), "+", "%20")
			}
			spans = append(spans, span{start: start, end: start + len(raw), with: escaped})
		}
	}
	return replace(path, spans)
}

func unescapePath(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func named(place string) func() string { return func() string { return place } }

// multipart returns a multipart form with the fields of the index redacted. Boundary is its boundary.
// Source: RFC 7578.
func (f *Found) multipart(body, boundary string) string {
	parts := strings.Split(body, "--"+boundary)
	for i, part := range parts {
		head, value, ok := strings.Cut(part, "\r\n\r\n")
		m := dispositionName.FindStringSubmatch(head)
		if !ok || m == nil {
			continue
		}
		value, end := strings.CutSuffix(value, "\r\n")
		with := head + "\r\n\r\n" + f.field(m[1], value, verify.InForm)
		if end {
			with += "\r\n"
		}
		parts[i] = with
	}
	return strings.Join(parts, "--"+boundary)
}

var dispositionName = regexp.MustCompile(`(?i)\bname="?([^";\r\n]+)`)
