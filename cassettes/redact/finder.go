package redact

import (
	"encoding/base64"
	"strings"
)

// literal is a value to look for.
type literal struct {
	text  string
	spans []span // what is replaced where it stands, relative to its beginning
	word  bool   // only where it touches no letter, digit or "_"
}

// finder finds many values in one reading of a text. It is safe for concurrent use once nothing is added.
type finder struct {
	literals []literal
	byStart  map[uint32][]int // the literals that begin with four bytes, by their numbers
	starts   [32]uint64       // a bit is set for each of these beginnings: nearly all places of a text are none
	short    []int            // literals of less than four bytes
}

// add adds a literal, unless one with its text is there.
func (f *finder) add(l literal) {
	if len(l.text) == 0 {
		return
	}
	n := len(f.literals)
	if len(l.text) >= 4 {
		for _, other := range f.byStart[fourBytes(l.text, 0)] {
			if f.literals[other].text == l.text {
				return
			}
		}
	}
	f.literals = append(f.literals, l)
	if len(l.text) < 4 {
		f.short = append(f.short, n)
		return
	}
	if f.byStart == nil {
		f.byStart = map[uint32][]int{}
	}
	start := fourBytes(l.text, 0)
	f.byStart[start] = append(f.byStart[start], n)
	bit := startBit(start)
	f.starts[bit/64] |= 1 << (bit % 64)
}

// addBase64 adds what value always looks like inside base64.
func (f *finder) addBase64(value, what string) {
	for offset := range 3 {
		padded := make([]byte, offset, offset+len(value))
		padded = append(padded, value...)
		// Before and after the characters that are made of value alone stand some with bits of its neighbours.
		first, last := (offset*8+5)/6, len(padded)*8/6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)[first:last]
			from, to := -(first - offset*8/6), len(text)+min(len(padded)*8%6, 1)
			f.add(literal{text: text, spans: []span{{from, to, strings.Repeat("0", to-from), what + " in base64"}}})
		}
	}
}

func fourBytes(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

// startBit hashes four bytes to a bit of finder.starts.
func startBit(start uint32) uint32 { return start * 0x9e3779b1 >> 21 }

// find adds to spans where the values stand in v.
func (f *finder) find(v *view, spans []span) []span {
	if f.byStart != nil {
		for i := 0; i+4 <= len(v.text); i++ {
			start := fourBytes(v.text, i)
			if bit := startBit(start); f.starts[bit/64]>>(bit%64)&1 == 0 {
				continue
			}
			for _, n := range f.byStart[start] {
				spans = f.literals[n].at(v, i, spans)
			}
		}
	}
	for _, n := range f.short {
		l := &f.literals[n]
		for from := 0; ; {
			i := strings.Index(v.text[from:], l.text)
			if i < 0 {
				break
			}
			spans = l.at(v, from+i, spans)
			from += i + 1
		}
	}
	return spans
}

// at adds what is replaced if l stands at i of v.
func (l *literal) at(v *view, i int, spans []span) []span {
	end := i + len(l.text)
	if end > len(v.text) || v.text[i:end] != l.text || l.word && !isWholeWord(v.text, i, end) {
		return spans
	}
	for _, s := range l.spans {
		start, end := v.span(max(0, i+s.start), min(len(v.text), i+s.end))
		spans = append(spans, span{start, end, s.with, s.what})
	}
	return spans
}

func isWholeWord(text string, start, end int) bool {
	return (start == 0 || !isWord(text[start-1]) && text[start-1] != '_') &&
		(end == len(text) || !isWord(text[end]) && text[end] != '_')
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
