package redact

import (
	"errors"
	"slices"
	"strings"
)

// ErrLeak says that a credential is left in what was about to be written.
var ErrLeak = errors.New("a credential of this exchange is left in it after redaction")

// Found is what was found in one exchange: its credentials, and the SIDs with their pseudonyms.
type Found struct {
	credentials []*credentials
	sids        []pseudonymous // the SIDs that stand in its texts
}

// pseudonymous is a SID and what stands for it on the tape.
type pseudonymous struct{ sid, pseudonym string }

// find returns where credentials and SIDs stand in text, in no order, perhaps overlapping.
func (f *Found) find(text string) []span {
	spans := f.findIn(&view{text: text}, nil)
	if mayHaveEscapes(text) {
		for _, v := range unescaped(text) {
			spans = f.findIn(v, spans)
		}
	}
	return spans
}

func (f *Found) findIn(v *view, spans []span) []span {
	for _, i := range credentialSIDs(v.text) {
		if sid := v.text[i : i+sidLength]; !IsPseudonym(sid) {
			p := pseudonymous{sid, Pseudonym(sid)}
			if !slices.Contains(f.sids, p) {
				f.sids = append(f.sids, p)
			}
			start, end := v.span(i, i+sidLength)
			spans = append(spans, span{start, end, p.pseudonym})
		}
	}
	for _, c := range f.credentials {
		spans = c.find(v, spans)
	}
	return spans
}

// maxPasses bounds how often a text is redacted: what is put in a value's place may make a SID with what
// stands beside it.
const maxPasses = 4

// text returns text redacted by shape and by value.
func (f *Found) text(text string) string {
	for range maxPasses {
		spans := f.find(text)
		if len(spans) == 0 {
			break
		}
		text = replace(text, spans)
	}
	return text
}

// span is a part of a text to replace.
type span struct {
	start, end int
	with       string
}

// replace returns text with spans replaced. Where some overlap, zeros take the place of all they cover.
func replace(text string, spans []span) string {
	slices.SortStableFunc(spans, func(a, b span) int { return a.start - b.start })
	var out strings.Builder
	done := 0
	for i := 0; i < len(spans); {
		s := spans[i]
		i++
		for ; i < len(spans) && spans[i].start < s.end; i++ {
			if o := spans[i]; o.start != s.start || o.end != s.end {
				s.end = max(s.end, o.end)
				s.with = strings.Repeat("0", s.end-s.start)
			}
		}
		out.WriteString(text[done:s.start])
		out.WriteString(s.with)
		done = s.end
	}
	out.WriteString(text[done:])
	return out.String()
}

// Check returns ErrLeak if a credential of this exchange, or any account or API key SID that is no
// pseudonym, stands in data, escaped, in base64 or as it is. It does not say which.
func (f *Found) Check(data string) error {
	probe := Found{credentials: f.credentials}
	if len(probe.find(data)) > 0 {
		return ErrLeak
	}
	return nil
}

// Restore puts the SIDs of this exchange in the place of their pseudonyms: a replayed answer speaks in
// the caller's own identifiers. The length stays the same.
func (f *Found) Restore(text string) string {
	for _, c := range f.credentials {
		text = restore(text, c.sids)
	}
	return restore(text, f.sids)
}

func restore(text string, sids []pseudonymous) string {
	for _, p := range sids {
		text = strings.ReplaceAll(text, p.pseudonym, p.sid)
	}
	return text
}
