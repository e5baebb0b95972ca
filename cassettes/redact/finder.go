package redact

import "slices"

// literal is a value to look for.
type literal struct {
	text  string
	spans []span // what is replaced where it stands, relative to its beginning
	word  bool   // only where it touches no letter, digit or "_"
}

// finder finds many values in one reading of a text. It is safe for concurrent use once nothing is added.
type finder struct {
	least   int                // the length of the shortest literal; 0 if there is none
	buckets map[uint32]*bucket // the literals, by their first four bytes
	starts  [32]uint64         // a bit is set for each of these beginnings: nearly all places of a text are none
}

// bucket is the literals that begin alike. A long list of phone numbers has many of these.
type bucket struct {
	lengths  []int
	literals map[string]literal
}

// add adds a literal of four bytes or more.
func (f *finder) add(l literal) {
	if f.least == 0 || len(l.text) < f.least {
		f.least = len(l.text)
	}
	if f.buckets == nil {
		f.buckets = map[uint32]*bucket{}
	}
	start := fourBytes(l.text, 0)
	b := f.buckets[start]
	if b == nil {
		b = &bucket{literals: map[string]literal{}}
		f.buckets[start] = b
		bit := startBit(start)
		f.starts[bit/64] |= 1 << (bit % 64)
	}
	b.literals[l.text] = l
	if !slices.Contains(b.lengths, len(l.text)) {
		b.lengths = append(b.lengths, len(l.text))
	}
}

func fourBytes(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

// startBit hashes four bytes to a bit of finder.starts.
func startBit(start uint32) uint32 { return start * 0x9e3779b1 >> 21 }

// find adds to spans where the values stand in v.
func (f *finder) find(v *view, spans []span) []span {
	if f.buckets == nil || len(v.text) < f.least {
		return spans
	}
	for i := 0; i+4 <= len(v.text); i++ {
		start := fourBytes(v.text, i)
		if bit := startBit(start); f.starts[bit/64]>>(bit%64)&1 == 0 {
			continue
		}
		if b := f.buckets[start]; b != nil {
			spans = b.find(v, i, spans)
		}
	}
	return spans
}

// find adds to spans what is replaced at i of v.
func (b *bucket) find(v *view, i int, spans []span) []span {
	for _, n := range b.lengths {
		if i+n <= len(v.text) {
			if l, ok := b.literals[v.text[i:i+n]]; ok {
				spans = l.put(v, i, spans)
			}
		}
	}
	return spans
}

// put adds to spans what is replaced of l, which stands at i of v.
func (l literal) put(v *view, i int, spans []span) []span {
	if l.word && !(v.inside && len(l.text) >= shortest) && !isWholeWord(v.text, i, i+len(l.text)) {
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
