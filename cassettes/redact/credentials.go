package redact

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// shortest is the length from which a value is looked for anywhere in a text. Twilio's credentials have
// 32 characters and more; a shorter value is no real one, and is looked for as a whole word only,
// so that a dummy password "a" does not empty the tape of its letters.
const shortest = 8

// credentials are what one header, or the user part of a URL, gives away. They are not changed once made.
type credentials struct {
	literals []literal
	cores    []core
	sids     []pseudonymous
	least    int // the length of the shortest value to look for
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

// find adds to spans where the credentials stand in v.
func (c *credentials) find(v *view, spans []span) []span {
	if len(v.text) < c.least {
		return spans
	}
	for _, l := range c.literals {
		for _, i := range indexes(v.text, l.value, len(l.value) < shortest) {
			start, end := v.span(i, i+len(l.value))
			spans = append(spans, span{start, end, l.mask})
		}
	}
	for _, core := range c.cores {
		for _, i := range indexes(v.text, core.text, false) {
			from, to := max(0, i-core.before), min(len(v.text), i+len(core.text)+core.after)
			start, end := v.span(from, to)
			spans = append(spans, span{start, end, strings.Repeat("0", to-from)})
		}
	}
	return spans
}

// indexes returns where value stands in text; if word is set, only where it touches no letter or digit.
func indexes(text, value string, word bool) []int {
	var all []int
	for from := 0; ; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return all
		}
		start, end := from+i, from+i+len(value)
		if !word || (start == 0 || !isWord(text[start-1])) && (end == len(text) || !isWord(text[end])) {
			all = append(all, start)
		}
		from = start + 1
	}
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// found collects the credentials of an exchange from the headers of its two sides and from its URL.
func (p *Policy) found(request, response http.Header, rawURL string) *Found {
	f := &Found{}
	for _, h := range []http.Header{request, response} {
		for _, name := range verify.SecretHeaders {
			for _, value := range h[name] {
				f.credentials = append(f.credentials, p.cache.get(name, value))
			}
		}
	}
	if strings.Contains(rawURL, "@") {
		if u, err := url.Parse(rawURL); err == nil && u.User != nil {
			password, _ := u.User.Password()
			c := &credentials{}
			c.addPair(u.User.Username() + ":" + password)
			f.credentials = append(f.credentials, c)
		}
	}
	return f
}

// cache remembers what clients send again and again: their credentials and their Content-Type.
type cache struct {
	mu     sync.Mutex
	secret map[[2]string]*credentials // by name and value of the header
	media  map[string]http.Header     // headers that have only this Content-Type
}

// maxCached bounds each map of the cache; a cookie may differ each time.
const maxCached = 256

func (k *cache) get(name, value string) *credentials {
	key := [2]string{name, value}
	return remember(k, &k.secret, key, func() *credentials { return headerCredentials(name, value) })
}

func (k *cache) contentType(value string) http.Header {
	return remember(k, &k.media, value, func() http.Header { return http.Header{"Content-Type": {value}} })
}

// remember returns what known has for key, or puts there what make makes.
func remember[K comparable, V any](k *cache, known *map[K]V, key K, make func() V) V {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := (*known)[key]; ok {
		return v
	}
	if *known == nil || len(*known) >= maxCached {
		*known = map[K]V{}
	}
	v := make()
	(*known)[key] = v
	return v
}

// headerCredentials returns what the secret header of that name gives away.
func headerCredentials(name, value string) *credentials {
	c := &credentials{}
	switch name {
	case "Authorization", "Proxy-Authorization":
		c.addAuthorization(value)
	case "Cookie":
		for pair := range strings.SplitSeq(value, ";") {
			c.addCookie(pair)
		}
	case "Set-Cookie":
		pair, _, _ := strings.Cut(value, ";")
		c.addCookie(pair)
	default:
		c.add(value)
	}
	return c
}

func (c *credentials) addAuthorization(value string) {
	scheme, rest, ok := cutScheme(value)
	switch {
	case !ok:
		c.add(value)
		for part := range strings.FieldsSeq(value) {
			if len(part) >= shortest {
				c.add(part)
			}
		}
	case rest != Placeholder:
		c.add(rest)
		if pair, err := decodeBase64(rest); scheme == "basic" && err == nil {
			c.addPair(pair)
		}
	}
}

// cutScheme splits an Authorization of a known scheme, which it returns in lower case.
func cutScheme(value string) (scheme, rest string, ok bool) {
	scheme, rest, _ = strings.Cut(value, " ")
	scheme = strings.ToLower(scheme)
	return scheme, strings.TrimSpace(rest), scheme == "basic" || scheme == "bearer"
}

// addCookie adds the value of a cookie, if it is long: a short one may be any word ("true", "en").
func (c *credentials) addCookie(pair string) {
	_, value, ok := strings.Cut(pair, "=")
	if !ok {
		value = pair
	}
	if value = strings.Trim(value, ` "`); len(value) >= shortest {
		c.add(value)
	}
}

// addPair adds the two halves of user:password, and the pair's base64.
func (c *credentials) addPair(pair string) {
	user, password, _ := strings.Cut(pair, ":")
	c.add(user)
	c.add(password)
	if user != "" && password != "" {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			c.addLiteral(enc.EncodeToString([]byte(pair)))
		}
	}
}

// add adds a credential in all its forms.
func (c *credentials) add(value string) {
	if value == "" || value == Placeholder {
		return
	}
	if isCredentialSID(value) { // as a literal it is found by its shape
		if IsPseudonym(value) {
			return
		}
		c.sids = append(c.sids, pseudonymous{value, Pseudonym(value)})
	} else if !c.addLiteral(value) {
		return
	}
	if strings.Contains(value, " ") { // how a form writes it
		c.addLiteral(strings.ReplaceAll(value, " ", "+"))
	}
	if len(value) >= shortest {
		for _, core := range base64Cores(value) {
			c.cores = append(c.cores, core)
			c.look(len(core.text))
		}
	}
}

// addLiteral adds a value to look for as it is, unless it is its own mask: such a value tells nothing.
func (c *credentials) addLiteral(value string) bool {
	l := literal{value, mask(value)}
	if l.mask == value {
		return false
	}
	if !slices.Contains(c.literals, l) {
		c.literals = append(c.literals, l)
		c.look(len(value))
	}
	return true
}

// look notes that something of that length is looked for.
func (c *credentials) look(length int) {
	if c.least == 0 || length < c.least {
		c.least = length
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

// base64Cores returns the cores of value, in both alphabets.
func base64Cores(value string) []core {
	var cores []core
	for offset := range 3 {
		padded := make([]byte, offset, offset+len(value))
		padded = append(padded, value...)
		first, last := (offset*8+5)/6, len(padded)*8/6
		c := core{before: first - offset*8/6, after: min(len(padded)*8%6, 1)}
		std := base64.RawStdEncoding.EncodeToString(padded)[first:last]
		c.text = std
		cores = append(cores, c)
		if c.text = base64.RawURLEncoding.EncodeToString(padded)[first:last]; c.text != std {
			cores = append(cores, c)
		}
	}
	return cores
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
