package redact

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// jsonScanner reads the tokens of JSON, and of what was JSON before somebody cut or edited it: what it does not
// know it passes over. It keeps nothing, so that what is not replaced stays byte for byte as it was written.
type jsonScanner struct {
	text string
	at   int
	odd  bool // something was passed over
}

// jsonToken is a part of a JSON text. Of strings and names it is what stands between the quotes.
type jsonToken struct {
	kind       jsonKind
	start, end int
}

type jsonKind byte

const (
	jsonEnd    jsonKind = iota
	jsonOpen            // of an object or an array
	jsonClose           //
	jsonName            // a string that a colon follows
	jsonString          //
	jsonNumber          //
	jsonWord            // true, false, null
)

func (s *jsonScanner) next() jsonToken {
	for ; s.at < len(s.text); s.at++ {
		start := s.at
		switch c := s.text[s.at]; {
		case c == '{' || c == '[':
			s.at++
			return jsonToken{jsonOpen, start, s.at}
		case c == '}' || c == ']':
			s.at++
			return jsonToken{jsonClose, start, s.at}
		case c == '"':
			return s.string()
		case c == '-' || '0' <= c && c <= '9':
			t := jsonToken{jsonNumber, start, s.while(isInNumber)}
			s.odd = s.odd || !json.Valid([]byte(s.text[start:t.end]))
			return t
		case isWord(c):
			t := jsonToken{jsonWord, start, s.while(isWord)}
			word := s.text[start:t.end]
			s.odd = s.odd || word != "true" && word != "false" && word != "null"
			return t
		default:
			s.odd = s.odd || strings.IndexByte(" \t\r\n,:", c) < 0
		}
	}
	return jsonToken{jsonEnd, s.at, s.at}
}

func isInNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E'
}

func (s *jsonScanner) while(in func(byte) bool) int {
	for s.at < len(s.text) && in(s.text[s.at]) {
		s.at++
	}
	return s.at
}

// string reads the string whose quote is at s.at, and the colon behind it.
func (s *jsonScanner) string() jsonToken {
	start, end := s.at+1, s.at+1
	for end < len(s.text) && s.text[end] != '"' {
		if s.text[end] == '\\' && end+1 < len(s.text) {
			end++
		}
		end++
	}
	s.odd = s.odd || end >= len(s.text)
	end = min(end, len(s.text))
	s.at = min(end+1, len(s.text))
	after := s.at
	for after < len(s.text) && strings.IndexByte(" \t\r\n", s.text[after]) >= 0 {
		after++
	}
	if after < len(s.text) && s.text[after] == ':' {
		s.at = after + 1
		return jsonToken{jsonName, start, end}
	}
	return jsonToken{jsonString, start, end}
}

// looksLikeJSON reports whether text is an object or an array, or begins and ends like one.
func looksLikeJSON(text string) bool {
	text = strings.Trim(text, " \t\r\n")
	return len(text) > 2 && (text[0] == '{' || text[0] == '[')
}

// unquoteJSON returns what stands between the quotes of a string without its escapes.
func unquoteJSON(inner string) string {
	done := strings.IndexByte(inner, '\\')
	if done < 0 {
		return inner
	}
	var b strings.Builder
	b.WriteString(inner[:done])
	for done < len(inner) {
		char, width := unescapeBackslash(inner[done:])
		if width == 0 {
			char, width = inner[done:done+1], 1
		}
		b.WriteString(char)
		done += width
		next := strings.IndexByte(inner[done:], '\\')
		if next < 0 {
			next = len(inner) - done
		}
		b.WriteString(inner[done : done+next])
		done += next
	}
	return b.String()
}

// quoteJSON is the reverse, with as few escapes as JSON allows.
func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return string(b.Bytes()[1 : b.Len()-2])
}

// jsonByPlace returns a JSON text with the fields of the index redacted. Enclosing is the kind of the structure
// that it is part of.
func (f *Found) jsonByPlace(text string, in verify.Place, enclosing verify.Kind) string {
	w := jsonWalk{Found: f, in: in, text: text, kinds: []verify.Kind{enclosing}}
	s := jsonScanner{text: text}
	for t := s.next(); t.kind != jsonEnd; t = s.next() {
		w.token(t)
	}
	return replace(text, w.spans)
}

// jsonWalk is the state of jsonByPlace between two tokens.
type jsonWalk struct {
	*Found
	in    verify.Place
	text  string
	name  string        // of the value that comes next, "" in an array
	outer []string      // the names that lead here
	depth []int         // how many of them each open object and array has
	kinds []verify.Kind // the kind of what is in each of them, the text's own first
	spans []span
}

func (w *jsonWalk) token(t jsonToken) {
	text := w.text[t.start:t.end]
	switch t.kind {
	case jsonName:
		w.name = unquoteJSON(text)
		return
	case jsonOpen:
		w.kinds, w.depth = append(w.kinds, w.kind()), append(w.depth, len(w.outer))
		if w.name != "" {
			w.outer = append(w.outer, w.name)
		}
	case jsonClose:
		if n := len(w.depth); n > 0 {
			w.outer, w.depth, w.kinds = w.outer[:w.depth[n-1]], w.depth[:n-1], w.kinds[:n]
		}
	case jsonString:
		plain := unquoteJSON(text)
		if with := w.leaf(plain); with != plain {
			w.spans = append(w.spans, span{start: t.start, end: t.end, with: quoteJSON(with)})
		}
	case jsonNumber, jsonWord:
		if with := w.bare(w.kind(), text); with != text {
			w.spans = append(w.spans, span{start: t.start, end: t.end, with: with})
		}
	}
	w.name = ""
}

func (w *jsonWalk) leaf(value string) string {
	if kind := w.kind(); kind != verify.Readable {
		return w.value(kind, w.place, w.in, value)
	}
	return w.loose(w.in, value) // nearly always: no closure is made for it
}

// kind returns what the value is that comes next.
func (w *jsonWalk) kind() verify.Kind {
	enclosing := w.kinds[len(w.kinds)-1]
	if w.name == "" {
		return enclosing
	}
	field, longer, ok := w.policy.fields().Find(w.name, w.outer, w.in, w.path)
	switch {
	case !ok:
		return enclosing
	case enclosing == allowed && field.Kind != verify.Credential && field.Kind != verify.Token:
		return allowed
	case enclosing == verify.Readable || longer || field.Kind != verify.Readable && field.Kind != verify.Message && field.Kind != allowed:
		return field.Kind
	}
	return enclosing
}

// place names the value that comes next.
func (w *jsonWalk) place() string {
	path := "JSON $"
	for _, name := range w.outer {
		path += "." + name
	}
	if w.name != "" {
		path += "." + w.name
	}
	return path
}

// bare returns what stands for a number, or for true or false.
func (w *jsonWalk) bare(kind verify.Kind, text string) string {
	with := text
	switch {
	case kind == verify.Readable, kind == verify.Message, text == "null":
		return text
	case kind == allowed:
		w.allow(text)
		return text
	case isWord(text[0]) && (text[0] < '0' || text[0] > '9'): // true, or what is no JSON
		with = "false"
	case kind == verify.Money && isNumber(text):
		with = amount
	default:
		with = maskNumber(text)
	}
	if with != text {
		w.note(kind, text)
		w.hit(w.place, string(kind))
	}
	return with
}

// jsonText returns a JSON text redacted by shape and by value. Only what is in its strings and numbers is
// replaced, so that it stays JSON. What is no JSON is read as any text.
func (f *Found) jsonText(text string) string {
	var spans []span
	clean := map[string]bool{} // names without anything to redact: a list repeats them
	s := jsonScanner{text: text}
	for t := s.next(); t.kind != jsonEnd; t = s.next() {
		inner := text[t.start:t.end]
		if t.kind == jsonOpen || t.kind == jsonClose || t.kind == jsonName && clean[inner] {
			continue
		}
		with := f.jsonToken(t.kind, inner)
		if with != inner {
			spans = append(spans, span{start: t.start, end: t.end, with: with})
		} else if t.kind == jsonName {
			clean[inner] = true
		}
	}
	text = replace(text, spans)
	if s.odd {
		return f.text(part{kind: textBody}, text)
	}
	return text
}

// jsonToken returns what stands for a token, so that it stays one of its kind.
func (f *Found) jsonToken(kind jsonKind, text string) string {
	with := f.text(part{kind: jsonBody}, text)
	switch {
	case with == text:
	case kind == jsonNumber || kind == jsonWord:
		if !json.Valid([]byte(with)) {
			return maskNumber(text)
		}
	case !json.Valid([]byte(`"` + with + `"`)):
		return freeText
	}
	return with
}
