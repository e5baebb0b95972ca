package redact

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

const (
	// shortestBase64 is from which length a word is read as base64 of a text: four bytes.
	shortestBase64 = 6
	// shortestInside is from which length a value is looked for in base64 of something longer: eight bytes.
	shortestInside = 11
)

// findBase64 adds a word if it is base64 of a text in which something is found. With a slash in it, it may be a
// path, with base64 in one of its segments.
func (f *Found) findBase64(v *view, start, end int, slash bool, layers, depth int, spans []span) []span {
	before, from := len(spans), start
	for i := start; slash && i <= end; i++ {
		if i == end || v.text[i] == '/' {
			spans = f.findInBase64(v, from, i, layers, depth, spans)
			from = i + 1
		}
	}
	if len(spans) > before {
		return spans
	}
	return f.findInBase64(v, start, end, layers, depth, spans)
}

func (f *Found) findInBase64(v *view, start, end, layers, depth int, spans []span) []span {
	word := v.text[start:end]
	if len(word) < shortestBase64 || isSID(word) || !f.holdsValue(word) && !f.holdsText(word, layers, depth) {
		return spans
	}
	from, to := v.span(start, end)
	return append(spans, span{from, to, strings.Repeat("0", len(word)), "base64 of a credential or a personal value"})
}

// holdsText reports whether word is base64 of a text in which something is found.
func (f *Found) holdsText(word string, layers, depth int) bool {
	if f.valuesOnly || len(word)%4 == 1 || !startsPrintable(word) {
		return false
	}
	plain, err := decodeBase64(word)
	return err == nil && isPrintable(plain) && len(f.find(plain, layers, depth-1)) > 0
}

// holdsValue reports whether a personal value is in what word is base64 of. Where in the word that begins can't
// be told, so each place in a group of four is tried.
func (f *Found) holdsValue(word string) bool {
	if f.personal == nil || len(word) < shortestInside {
		return false
	}
	for start := range 4 {
		plain := make([]byte, 0, len(word))
		for w := word[start:]; len(w) > 0; w = w[min(4, len(w)):] {
			var group [4]byte
			n := copy(group[:], w)
			a, b, c, d := sextets[group[0]], sextets[group[1]], sextets[group[2]], sextets[group[3]]
			plain = append(plain, []byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d}[:n*6/8]...)
		}
		if len(f.personal.find(&view{text: string(plain), inside: true}, nil)) > 0 {
			return true
		}
	}
	return false
}

// sextets are the values of base64's digits, in both alphabets.
var sextets = func() (all [256]byte) {
	for _, enc := range []string{"+/", "-_"} {
		for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + enc) {
			all[c] = byte(i)
		}
	}
	return all
}()

// startsPrintable reports whether the first bytes of what word is base64 of may be a text. Nearly no word that
// is not base64 passes.
func startsPrintable(word string) bool {
	var plain [24]byte
	n := 0
	for i := 0; i+4 <= len(word) && n+3 <= len(plain); i += 4 {
		a, b, c, d := sextets[word[i]], sextets[word[i+1]], sextets[word[i+2]], sextets[word[i+3]]
		plain[n], plain[n+1], plain[n+2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		n += 3
	}
	for i := 0; i < n; {
		c := plain[i]
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			return false
		case c < utf8.RuneSelf:
			i++
		default:
			r, width := utf8.DecodeRune(plain[i:n])
			if r == utf8.RuneError && width == 1 && utf8.FullRune(plain[i:n]) {
				return false
			}
			i += width
		}
	}
	return true
}

// isPrintable reports whether s is a text.
func isPrintable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// decodeBase64 decodes s in either alphabet, padded or not.
func decodeBase64(s string) (string, error) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(s)
	return string(b), err
}
