package redact

import (
	"cmp"
	"html"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// view is a text with layers of escapes undone.
type view struct {
	text    string
	under   *view    // the same text with one layer more; nil if this is the original
	escapes []escape // what was undone in under, in order
	inside  bool     // what touches a long value means nothing: it may be part of something else
}

// escape is one that was undone: the bytes from..to of the view are from..to of the text under it.
type escape struct {
	from, to           int
	underFrom, underTo int
}

// unescaped returns text with one, two and more layers of escapes undone, as far as there are any: of URLs and
// forms (%2B), of JSON and YAML strings (\u002b, \x2b, \/) and of HTML and XML (&#43; &amp;).
func unescaped(text string, layers int) []*view {
	var all []*view
	v := &view{text: text}
	for range layers {
		if v = v.unescape(); v == nil {
			break
		}
		all = append(all, v)
	}
	return all
}

// span returns where the bytes from start to end of v stand in the original text.
func (v *view) span(start, end int) (int, int) {
	for ; v.under != nil; v = v.under {
		start, end = v.below(start, false), v.below(end, true)
	}
	return start, end
}

// put adds to spans what is to be replaced relative to start of v.
func (v *view) put(spans []span, start int, relative []span, what string) []span {
	for _, s := range relative {
		from, to := v.span(start+s.start, start+s.end)
		spans = append(spans, span{from, to, s.with, what})
	}
	return spans
}

// below returns where byte i of v stands in the text under it. Inside an escape that is the escape's
// begin, or for the end of a span its end.
func (v *view) below(i int, end bool) int {
	n, _ := slices.BinarySearchFunc(v.escapes, i, func(e escape, i int) int { return cmp.Compare(e.from, i) })
	if n < len(v.escapes) && v.escapes[n].from == i {
		return v.escapes[n].underFrom
	}
	if n == 0 {
		return i
	}
	switch e := v.escapes[n-1]; { // the last one that begins before i
	case i >= e.to:
		return e.underTo + i - e.to
	case end:
		return e.underTo
	default:
		return e.underFrom
	}
}

// unescape returns v with one more layer undone, or nil if there is none.
func (v *view) unescape() *view {
	s := v.text
	next := &view{under: v}
	var out []byte
	done := 0 // how much of s is in out
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '%' && c != '\\' && c != '&' {
			continue
		}
		char, width := unescapeOne(s[i:])
		if width == 0 {
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(s))
		}
		out = append(out, s[done:i]...)
		next.escapes = append(next.escapes, escape{len(out), len(out) + len(char), i, i + width})
		out = append(out, char...)
		done = i + width
		i = done - 1
	}
	if out == nil {
		return nil
	}
	next.text = string(append(out, s[done:]...))
	return next
}

// longestEscape is the length of \ud83d\ude00, two halves of one character.
const longestEscape = 12

// unescapeOne returns what the escape at the start of s stands for and its length, which is 0 if s
// does not start with an escape.
func unescapeOne(s string) (string, int) {
	switch s[0] {
	case '%':
		if r, ok := hexRune(s, 1, 2); ok {
			return string([]byte{byte(r)}), 3
		}
	case '\\':
		return unescapeBackslash(s)
	case '&':
		if end := strings.IndexByte(s[:min(len(s), longestEscape)], ';'); end > 1 {
			if char := html.UnescapeString(s[:end+1]); char != s[:end+1] {
				return char, end + 1
			}
		}
	}
	return "", 0
}

func unescapeBackslash(s string) (string, int) {
	if len(s) < 2 {
		return "", 0
	}
	switch s[1] {
	case '"', '\\', '/', '\'':
		return s[1:2], 2
	case 'n':
		return "\n", 2
	case 'r':
		return "\r", 2
	case 't':
		return "\t", 2
	case 'b':
		return "\b", 2
	case 'f':
		return "\f", 2
	case 'x':
		if r, ok := hexRune(s, 2, 2); ok {
			return string(r), 4
		}
	case 'U':
		if r, ok := hexRune(s, 2, 8); ok {
			return string(r), 10
		}
	case 'u':
		return unescapeUTF16(s)
	}
	return "", 0
}

// unescapeUTF16 undoes \uXXXX, and a pair of them where they are the halves of one character.
func unescapeUTF16(s string) (string, int) {
	r, ok := hexRune(s, 2, 4)
	if !ok {
		return "", 0
	}
	if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, ok := hexRune(s, 8, 4); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return string(pair), 12
			}
		}
	}
	return string(r), 6
}

// hexRune reads the n hexadecimal digits of s that begin at i.
func hexRune(s string, i, n int) (rune, bool) {
	if len(s) < i+n {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+n]) {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
