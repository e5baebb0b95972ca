package redact

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// ErrLeak says that a credential is left in what was about to be written.
var ErrLeak = errors.New("a credential of this exchange is left in it after redaction")

// shortest is the length from which a value is looked for anywhere in a text. Twilio's credentials have
// 32 characters and more; a shorter value is no real one, and is looked for as a whole word only,
// so that a dummy password "a" does not empty the tape of its letters.
const shortest = 8

// Found is what was found in one exchange: the credentials, and the SIDs with their pseudonyms.
type Found struct {
	literals []literal
	encoded  []core            // what each credential looks like inside base64
	sids     map[string]string // pseudonym to SID
}

// literal is a value to look for, and what is put in its place.
type literal struct {
	value, mask string
}

// core is the characters that a value always has inside base64, for one place of its first byte in a
// group of three. Before and after it stand characters that carry bits of the value and of its neighbours.
type core struct {
	text          string
	before, after int // how many such characters
}

// newFound collects the credentials of an exchange from the headers of its two sides and from its URL.
func newFound(request, response http.Header, rawURL string) *Found {
	f := &Found{}
	for _, h := range []http.Header{request, response} {
		for _, name := range verify.SecretHeaders {
			for _, value := range h[name] {
				f.addHeader(name, value)
			}
		}
	}
	if strings.Contains(rawURL, "@") {
		if u, err := url.Parse(rawURL); err == nil && u.User != nil {
			password, _ := u.User.Password()
			f.addPair(u.User.Username() + ":" + password)
		}
	}
	return f
}

func (f *Found) addHeader(name, value string) {
	switch name {
	case "Authorization", "Proxy-Authorization":
		f.addAuthorization(value)
	case "Cookie", "Set-Cookie":
		pairs := strings.Split(value, ";")
		if name == "Set-Cookie" {
			pairs = pairs[:1]
		}
		for _, pair := range pairs {
			_, v, ok := strings.Cut(pair, "=")
			if !ok {
				v = pair
			}
			// A cookie's value may be any word ("true", "en"): only a long one is a credential.
			if v = strings.Trim(v, ` "`); len(v) >= shortest {
				f.add(v)
			}
		}
	default:
		f.add(value)
	}
}

func (f *Found) addAuthorization(value string) {
	scheme, credentials, ok := cutScheme(value)
	if !ok {
		f.add(value)
		for part := range strings.FieldsSeq(value) {
			if len(part) >= shortest {
				f.add(part)
			}
		}
		return
	}
	if credentials == Placeholder {
		return
	}
	f.add(credentials)
	if scheme == "basic" {
		if pair, err := decodeBase64(credentials); err == nil {
			f.addPair(pair)
		}
	}
}

// cutScheme splits an Authorization of a known scheme, which it returns in lower case.
func cutScheme(value string) (scheme, credentials string, ok bool) {
	scheme, credentials, _ = strings.Cut(value, " ")
	scheme = strings.ToLower(scheme)
	return scheme, strings.TrimSpace(credentials), scheme == "basic" || scheme == "bearer"
}

// addPair adds the two halves of user:password, and the pair's base64.
func (f *Found) addPair(pair string) {
	user, password, _ := strings.Cut(pair, ":")
	f.add(user)
	f.add(password)
	if user != "" && password != "" {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			f.addLiteral(enc.EncodeToString([]byte(pair)))
		}
	}
}

// add adds a credential in all its forms.
func (f *Found) add(value string) {
	if value == "" || value == Placeholder {
		return
	}
	if isCredentialSID(value) { // as a literal it is found by its shape
		f.addSID(value)
		if IsPseudonym(value) {
			return
		}
	} else if !f.addLiteral(value) {
		return
	}
	if strings.Contains(value, " ") { // how a form writes it
		f.addLiteral(strings.ReplaceAll(value, " ", "+"))
	}
	if len(value) >= shortest {
		f.encoded = append(f.encoded, base64Cores(value)...)
	}
}

// addLiteral adds a value to look for as it is, unless it is its own mask: such a value tells nothing.
func (f *Found) addLiteral(value string) bool {
	m := mask(value)
	if m == value {
		return false
	}
	l := literal{value, m}
	if !slices.Contains(f.literals, l) {
		f.literals = append(f.literals, l)
	}
	return true
}

func (f *Found) addSID(sid string) {
	if p := Pseudonym(sid); p != sid {
		if f.sids == nil {
			f.sids = map[string]string{}
		}
		f.sids[p] = sid
	}
}

// mask returns a constant of value's length: ones for a number, which stays one, and zeros otherwise,
// which stay hexadecimal digits where the value was made of them.
func mask(value string) string {
	if strings.Trim(value, "0123456789") == "" {
		return strings.Repeat("1", len(value))
	}
	return strings.Repeat("0", len(value))
}

// span is a part of a text to replace.
type span struct {
	start, end int
	with       string
}

// find returns where credentials and SIDs stand in text, in no order, perhaps overlapping.
func (f *Found) find(text string) []span {
	var spans []span
	for _, v := range views(text) {
		for _, i := range credentialSIDs(v.text) {
			if sid := v.text[i : i+sidLength]; !IsPseudonym(sid) {
				f.addSID(sid)
				start, end := v.span(i, i+sidLength)
				spans = append(spans, span{start, end, Pseudonym(sid)})
			}
		}
		for _, l := range f.literals {
			for _, i := range v.indexes(l.value, len(l.value) < shortest) {
				start, end := v.span(i, i+len(l.value))
				spans = append(spans, span{start, end, l.mask})
			}
		}
		for _, c := range f.encoded {
			for _, i := range v.indexes(c.text, false) {
				from, to := max(0, i-c.before), min(len(v.text), i+len(c.text)+c.after)
				start, end := v.span(from, to)
				spans = append(spans, span{start, end, strings.Repeat("0", to-from)})
			}
		}
	}
	return spans
}

// indexes returns where value stands in v, if word is set only where it does not touch letters or digits.
func (v view) indexes(value string, word bool) []int {
	var all []int
	for from := 0; ; {
		i := strings.Index(v.text[from:], value)
		if i < 0 {
			return all
		}
		start, end := from+i, from+i+len(value)
		if !word || (start == 0 || !isWord(v.text[start-1])) && (end == len(v.text) || !isWord(v.text[end])) {
			all = append(all, start)
		}
		from = start + 1
	}
}

// text returns text redacted by shape and by value.
func (f *Found) text(text string) string {
	spans := f.find(text)
	if len(spans) == 0 {
		return text
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.start - b.start })
	var out strings.Builder
	done := 0
	for i := 0; i < len(spans); {
		s := spans[i]
		i++
		for ; i < len(spans) && spans[i].start < s.end; i++ {
			if o := spans[i]; o.start != s.start || o.end != s.end { // they overlap: mask both whole
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
	probe := Found{literals: f.literals, encoded: f.encoded}
	if len(probe.find(data)) > 0 {
		return ErrLeak
	}
	return nil
}

// Text returns text redacted as the exchange was, for a log line or a message.
func (f *Found) Text(text string) string { return f.text(text) }

// Restore puts the SIDs of this exchange in the place of their pseudonyms: a replayed answer speaks in
// the caller's own identifiers. The length stays the same.
func (f *Found) Restore(text string) string {
	for pseudonym, sid := range f.sids {
		text = strings.ReplaceAll(text, pseudonym, sid)
	}
	return text
}

// base64Cores returns the cores of value, in both alphabets.
func base64Cores(value string) []core {
	var cores []core
	for offset := range 3 {
		padded := make([]byte, offset, offset+len(value))
		padded = append(padded, value...)
		c := core{
			before: (offset*8+5)/6 - offset*8/6,
			after:  min(len(padded)*8%6, 1),
		}
		first, last := (offset*8+5)/6, len(padded)*8/6
		std := base64.RawStdEncoding.EncodeToString(padded)[first:last]
		c.text = std
		cores = append(cores, c)
		if c.text = base64.RawURLEncoding.EncodeToString(padded)[first:last]; c.text != std {
			cores = append(cores, c)
		}
	}
	return cores
}

func decodeBase64(s string) (string, error) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(s)
	return string(b), err
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
