package redact

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Found is what was found in one exchange: its credentials, its personal values, and what stands for them.
type Found struct {
	policy      *Policy
	path        string // of the request's URL; some fields are secret in some calls only
	credentials []*credentials
	noted       map[string]bool // what was found by its place
	personal    *finder         // what of it is looked for elsewhere; nil if there is nothing
	allowed     []string        // what the user's rules leave readable
	own         []standIn
	at          string // what is being read, for hits
	hits        *[]Hit // nil if nobody asks
	nested      int    // how many values this one is in
	valuesOnly  bool   // what is told by its form alone is not looked for
	restores    bool   // Restore will be called: it gives back SIDs that the policy doesn't hide, too
}

// standIn is a value of the caller's and what stands for it on the tape: "" for a SID's pseudonym, which is made
// when it is needed.
type standIn struct{ own, placeholder string }

func (s standIn) isAddress() bool { return s.placeholder == phone || s.placeholder == email }

// Hit is one thing that was redacted.
type Hit struct {
	Place string // such as "request form To" or "response JSON $.sna.url"
	What  string // such as "opaque token"; never the value
}

func (f *Found) hit(where func() string, what string) {
	if f.hits != nil {
		if h := (Hit{f.at + " " + where(), what}); !slices.Contains(*f.hits, h) {
			*f.hits = append(*f.hits, h)
		}
	}
}

// mine notes what stands for a value of a request, so that Restore can give it back.
func (f *Found) mine(own, placeholder string) {
	if s := (standIn{own, placeholder}); f.restores && own != placeholder && !slices.Contains(f.own, s) {
		f.own = append(f.own, s)
	}
}

// note has value looked for in all of the exchange: as it is, without the escapes that it has, and what it is
// base64 of.
func (f *Found) note(kind verify.Kind, value string) {
	if f.noted[value] {
		return
	}
	if f.noted == nil {
		f.noted = map[string]bool{}
	}
	f.noted[value] = true
	f.noteOne(kind, strings.TrimSpace(value))
	for _, v := range variants(value) {
		f.noteOne(kind, strings.TrimSpace(v))
	}
}

// variants returns value without one and more of its layers of escapes, and what each of these is base64 of.
func variants(value string) (all []string) {
	for _, v := range unescaped(value, maxLayers) {
		all = append(all, v.text)
	}
	for _, v := range append([]string{value}, all...) {
		if len(v) < shortestBase64 || len(v) > maxBase64Value || !startsPrintable(strings.TrimRight(v, "=")) {
			continue
		}
		if text, err := decodeBase64(v); err == nil && isPrintable(text) {
			all = append(all, text)
		}
	}
	return all
}

// maxBase64Value is up to which length a value is read as base64 of another.
const maxBase64Value = 4 << 10

func (f *Found) noteOne(kind verify.Kind, value string) {
	word, ok := spreads(kind, value)
	if !ok {
		return
	}
	spans := stand(kind, value)
	if len(spans) == 0 {
		return
	}
	if f.personal == nil {
		f.personal = &finder{}
	}
	what := string(kind) + " of this exchange"
	for i := range spans {
		spans[i].what = what
	}
	f.personal.add(literal{value, spans, word})
	if strings.Contains(value, " ") { // how a form writes it
		f.personal.add(literal{strings.ReplaceAll(value, " ", "+"), spans, word})
	}
	if kind == verify.Address {
		if s := spans[0]; s.with == phone { // without what stands before it, too
			f.personal.add(literal{value[s.start:s.end], []span{{0, s.end - s.start, phone, what}}, true})
			f.address(value[s.start:s.end], phone)
		} else if s.with == emailUser && len(spans) == 2 {
			f.address(value, email)
		}
	}
}

// address notes an address of this exchange as the caller's own, if all its characters can stand anywhere.
func (f *Found) address(own, placeholder string) {
	if strings.ContainsFunc(own, func(r rune) bool {
		return r >= 0x80 || !isWord(byte(r)) && !strings.ContainsRune("@._-", r)
	}) {
		return
	}
	f.mine(own, placeholder)
}

// maxLayers is how many layers of escapes are looked through: a form value inside JSON inside a form value has
// three. Check looks through more, so that what redaction can't see is not written.
const (
	maxLayers      = 3
	maxDepth       = 2 // of base64 inside base64
	maxLayersCheck = 6
	maxDepthCheck  = 4
)

// find returns where something to redact stands in text, in no order, perhaps overlapping.
func (f *Found) find(text string, layers, depth int) (spans []span) {
	spans, escapes := f.findIn(&view{text: text}, layers, depth, spans) // stays on the stack
	if !escapes {
		return spans
	}
	v := (&view{text: text}).unescape()
	for layer := 1; v != nil && layer <= layers; layer++ {
		spans, _ = f.findIn(v, layers, depth, spans)
		v = v.unescape()
	}
	return spans
}

// findIn adds to spans what stands in v, and reports whether v may have escapes.
func (f *Found) findIn(v *view, layers, depth int, spans []span) (all []span, escapes bool) {
	for _, c := range f.credentials {
		spans = c.finder.find(v, spans)
	}
	if f.personal != nil {
		spans = f.personal.find(v, spans)
	}
	if f.valuesOnly && f.personal == nil {
		return spans, true
	}
	return f.findShapes(v, layers, depth, spans)
}

// text returns the text of a part redacted by shape and by value.
func (f *Found) text(p part, text string) string {
	spans := f.find(text, maxLayers, maxDepth)
	if len(spans) == 0 {
		return text // nearly always
	}
	for range maxRounds {
		for _, s := range spans {
			f.hit(p.String, s.what)
		}
		text = replace(text, spans)
		if spans = f.find(text, maxLayers, maxDepth); len(spans) == 0 {
			break
		}
	}
	return text
}

// maxRounds bounds how often a text is redacted: what stands in a value's place may make a SID with its
// neighbours.
const maxRounds = 4

// formText is text for a form: nothing but what is in its names and values is replaced, so that it stays one.
func (f *Found) formText(text string) string {
	var spans []span
	for start := 0; start <= len(text); {
		end := start
		for end < len(text) && text[end] != '&' && text[end] != '=' {
			end++
		}
		if with := f.text(part{kind: formBody}, text[start:end]); with != text[start:end] {
			spans = append(spans, span{start: start, end: end, with: with})
		}
		start = end + 1
	}
	return replace(text, spans)
}

// allow notes a value that the user's rules leave readable.
func (f *Found) allow(value string) {
	if !f.isAllowed(value) {
		f.allowed = append(f.allowed, value)
	}
}

func (f *Found) isAllowed(value string) bool {
	return slices.ContainsFunc(f.allowed, func(a string) bool { return strings.Contains(a, value) })
}

// span is a part of a text to replace.
type span struct {
	start, end int
	with       string
	what       string // is replaced, for a Hit
}

// replace returns text with spans replaced. Of two where one holds the other it takes the larger, and where
// they overlap otherwise a mask takes the place of all that they cover.
func replace(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(a.start-b.start, b.end-a.end) })
	var out strings.Builder
	out.Grow(len(text))
	done := 0
	for i := 0; i < len(spans); {
		s := spans[i]
		i++
		for ; i < len(spans) && spans[i].start < s.end; i++ {
			if o := spans[i]; o.end > s.end {
				s.end = o.end
				s.with = mask(text[s.start:s.end])
			}
		}
		out.WriteString(text[done:s.start])
		out.WriteString(s.with)
		done = s.end
	}
	out.WriteString(text[done:])
	return out.String()
}

// Leak is the error of Check. It does not say what was found.
type Leak struct {
	At int // where it begins
}

func (*Leak) Error() string {
	return "a credential or a personal value of this exchange is left in it after redaction"
}

// Check returns a *Leak if a credential or a personal value of this exchange, a SID that the policy hides, a
// phone number or an e-mail address stands in data: as it is, in base64, or escaped, also more often than
// redaction looks through.
func (f *Found) Check(data string) error {
	probe := *f
	probe.hits = nil
	spans := probe.find(data, maxLayersCheck, maxDepthCheck)
	if len(spans) == 0 {
		return nil
	}
	first := slices.MinFunc(spans, func(a, b span) int { return a.start - b.start })
	return &Leak{At: first.start}
}

// Check returns a *Leak if something that is told by its form alone stands in a text of no exchange.
func (p *Policy) Check(text string) error { return (&Found{policy: p}).Check(text) }

// Restore puts the values of this exchange in the place of what stands for them: a replayed answer speaks in
// the caller's own identifiers. These are its SIDs, and its phone number or e-mail address where it sent one.
func (f *Found) Restore(text string) string {
	for _, c := range f.credentials {
		text = restore(text, c.sids)
	}
	addresses := 0
	for _, s := range f.own {
		if s.isAddress() {
			addresses++
		}
	}
	if addresses > 1 { // which is meant can't be told
		return restore(text, slices.DeleteFunc(slices.Clone(f.own), standIn.isAddress))
	}
	return restore(text, f.own)
}

func restore(text string, all []standIn) string {
	for _, s := range all {
		if s.placeholder == "" {
			if !strings.Contains(text, s.own[:2]+pseudonymZeros) {
				continue
			}
			s.placeholder = Pseudonym(s.own)
		}
		text = strings.ReplaceAll(text, s.placeholder, s.own)
	}
	return text
}
