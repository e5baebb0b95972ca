package cassettes

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Key is what makes two requests the same one: method, path, query and body, each in a canonical form.
// Headers and the host do not count, unless a Match says so.
type Key [sha256.Size]byte

// Key returns the match key of a redacted request.
//
//	SIDs    their pseudonyms, also where the policy of the tape leaves them readable
//	path    unescaped, so that "+" and "%2B" are the same
//	query   unescaped, sorted by name; values of one name keep their order
//	body    a form like the query; JSON without white space, its members sorted; anything else as it is
//	header  its values, in their order
func (m Match) Key(r *cassette.Request) Key {
	path, query := splitURL(r.URL)
	b := make([]byte, 0, 512)
	b = appendField(b, r.Method)
	b = appendField(b, canonicalPath(path))
	b = appendPairs(b, m.pairs(parsePairs(query)))
	if !m.noBody {
		b = m.appendBody(b, r)
	}
	for _, name := range m.headers {
		b = appendField(b, "h")
		for _, value := range r.Headers[name] {
			b = appendField(b, value)
		}
	}
	redact.Canonical(b)
	return sha256.Sum256(b)
}

// bodyForm returns the fields of r's form that are not said elsewhere. A form repeats the body, if there is one, and
// go-vcr v4 puts the query into it too, behind the fields of the body.
func bodyForm(r *cassette.Request) url.Values {
	if r.Body != "" || len(r.Form) == 0 {
		return nil
	}
	_, raw := splitURL(r.URL)
	query, _ := url.ParseQuery(raw) // as go-vcr, which takes what it can read
	form := maps.Clone(r.Form)
	for name, values := range query {
		all := form[name]
		own := len(all) - len(values)
		if own < 0 || !slices.Equal(all[own:], values) {
			return r.Form // the query is not in it
		}
		if form[name] = all[:own]; own == 0 {
			delete(form, name)
		}
	}
	return form
}

// appendField appends s so that no two lists of fields give the same bytes.
func appendField(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// splitURL returns the escaped path and the query of a URL, also of one that net/url refuses.
func splitURL(raw string) (path, query string) {
	if scheme, rest, ok := strings.Cut(raw, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		raw = rest
		if i := strings.IndexAny(raw, "/?#"); i >= 0 {
			raw = raw[i:]
		} else {
			raw = ""
		}
	}
	raw, _, _ = strings.Cut(raw, "#")
	path, query, _ = strings.Cut(raw, "?")
	if path == "" {
		path = "/"
	}
	return path, query
}

// canonicalPath unescapes path, but for the escapes that would change how it is read.
func canonicalPath(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(plain)
		}
	}
	return strings.Join(segments, "/")
}

// pair is a field of a form or a query.
type pair struct{ name, value string }

// parsePairs takes a form or a query apart. Only "&" separates, as Twilio's SDKs write it; what can't be
// unescaped stays as it is.
func parsePairs(s string) []pair {
	var pairs []pair
	for part := range strings.SplitSeq(s, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			pairs = append(pairs, pair{unescape(name), unescape(value)})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	return pairs
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func appendPairs(b []byte, pairs []pair) []byte {
	b = binary.AppendUvarint(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = appendField(appendField(b, p.name), p.value)
	}
	return b
}

func (m Match) appendBody(b []byte, r *cassette.Request) []byte {
	if isEmpty(r) {
		return b
	}
	if pairs, ok := formPairs(r); ok {
		return appendPairs(append(b, 'f'), m.pairs(pairs))
	}
	if isJSON(mediaType(r.Headers)) {
		if canonical, ok := m.canonicalJSON(r.Body); ok {
			return append(append(b, 'j'), canonical...)
		}
	}
	return append(append(b, 'b'), r.Body...)
}

// isEmpty reports whether r has no body. What it would have been does not count then.
func isEmpty(r *cassette.Request) bool { return r.Body == "" && len(r.Form) == 0 }

// formPairs returns the fields of r's form, if it has one. A cassette written by hand may have the
// fields without a body.
func formPairs(r *cassette.Request) ([]pair, bool) {
	switch media := mediaType(r.Headers); {
	case media != formMedia && (media != "" || len(r.Form) == 0):
		return nil, false
	case r.Body != "":
		return parsePairs(r.Body), true
	}
	var pairs []pair
	for _, name := range slices.Sorted(maps.Keys(r.Form)) {
		for _, value := range r.Form[name] {
			pairs = append(pairs, pair{name, value})
		}
	}
	return pairs, true
}

const formMedia = "application/x-www-form-urlencoded"

// mediaType returns the media type of h's Content-Type in lower case, without parameters, or "".
func mediaType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// canonicalJSON returns body without white space and with sorted members. Numbers stay as written, and
// of members with the same name all stay. Those that are ignored are left out.
func (m Match) canonicalJSON(body string) ([]byte, bool) {
	if !utf8.ValidString(body) {
		return nil, false
	}
	c := canonicalizer{json.NewDecoder(strings.NewReader(body)), m}
	c.UseNumber()
	out, err := c.value(nil, "$")
	if err != nil {
		return nil, false
	}
	_, err = c.Token()
	return out, err == io.EOF
}

// canonicalizer appends JSON in its canonical form. The paths are kept only if members may be ignored.
type canonicalizer struct {
	*json.Decoder
	match Match
}

func (c canonicalizer) value(out []byte, path string) ([]byte, error) {
	token, err := c.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return c.object(out, path)
	case json.Delim('['):
		return c.array(out, path)
	}
	text, err := json.Marshal(token)
	return append(out, text...), err
}

func (c canonicalizer) array(out []byte, path string) ([]byte, error) {
	out = append(out, '[')
	for c.More() {
		var err error
		if out, err = c.value(out, path); err != nil {
			return nil, err
		}
		out = append(out, ',')
	}
	_, err := c.Token()
	return append(out, ']'), err
}

func (c canonicalizer) object(out []byte, path string) ([]byte, error) {
	type member struct{ name, value []byte }
	var members []member
	for c.More() {
		token, err := c.Token()
		if err != nil {
			return nil, err
		}
		name, err := json.Marshal(token)
		if err != nil {
			return nil, err
		}
		inner := path
		if len(c.match.ignored) > 0 {
			inner = fmt.Sprintf("%s.%s", path, token)
		}
		value, err := c.value(nil, inner)
		if err != nil {
			return nil, err
		}
		if !c.match.ignores(inner) {
			members = append(members, member{name, value})
		}
	}
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	out = append(out, '{')
	for _, m := range members {
		out = append(append(append(append(out, m.name...), ':'), m.value...), ',')
	}
	_, err := c.Token()
	return append(out, '}'), err
}
