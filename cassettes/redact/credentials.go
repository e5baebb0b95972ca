package redact

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// shortest is the length from which a value is looked for anywhere in a text. Twilio's credentials have
// 32 characters and more; a shorter value is no real one, and is looked for as a whole word only,
// so that a dummy password "test" does not take out every "latest".
const shortest = 8

// shortestWord is the length from which a value is looked for at all, beside its own place.
const shortestWord = 4

// credentials are what one header, or the user part of a URL, gives away. They are not changed once made.
type credentials struct {
	finder finder
	sids   []standIn
	// torn says that a value has characters at which a form or a text ends: a step that takes fields apart must
	// not come before the one that looks for it.
	torn bool
}

// found collects the credentials of an exchange from the headers of its two sides.
func (p *Policy) found(request, response http.Header, rawURL string) *Found {
	f := &Found{policy: p}
	f.path, _, _ = strings.Cut(rawURL, "?")
	for _, h := range []http.Header{request, response} {
		for _, name := range verify.SecretHeaders {
			for _, value := range h[name] {
				f.credentials = append(f.credentials, p.cache.get(name, value))
			}
		}
	}
	return f
}

// cache remembers what clients send again and again: their credentials, their Content-Type and their URLs.
type cache struct {
	mu     sync.Mutex
	secret map[[2]string]*credentials // by name and value of the header
	media  map[string]http.Header     // headers that have only this Content-Type
	urls   map[string]knownURL
}

// knownURL is what is known of a URL.
type knownURL struct {
	part part // how it is read: clean if there is nothing in it to redact by its place or its form
	own  []standIn
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

func (k *cache) url(p *Policy, raw string) knownURL {
	return remember(k, &k.urls, raw, func() knownURL {
		f := &Found{policy: p, restores: true}
		f.path, _, _ = strings.Cut(raw, "?")
		location := part{kind: location}
		if f.byValue(location, f.byPlace(location, raw)) != raw || len(f.noted)+len(f.allowed)+len(f.credentials) > 0 {
			return knownURL{part: location}
		}
		return knownURL{part{kind: clean}, f.own}
	})
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

const credentialOf = string(verify.Credential) + " of this exchange"

// add adds a credential in all its forms, and what it is an escaped form of, or base64.
func (c *credentials) add(value string) {
	c.addOne(value)
	if len(value) >= shortest {
		for _, v := range variants(value) {
			c.addOne(v)
		}
	}
}

func (c *credentials) addOne(value string) {
	if value == "" || value == Placeholder {
		return
	}
	c.torn = c.torn || strings.ContainsFunc(value, func(r rune) bool {
		return r >= 0x80 || !isWord(byte(r)) && !strings.ContainsRune("+/=_-.~:", r)
	})
	if isCredentialSID(value) { // as a literal it is found by its shape
		if IsPseudonym(value) {
			return
		}
		c.sids = append(c.sids, standIn{value, Pseudonym(value)})
	} else if !c.addLiteral(value) {
		return
	}
	if strings.Contains(value, " ") { // how a form writes it
		c.addLiteral(strings.ReplaceAll(value, " ", "+"))
	}
	if len(value) >= shortest {
		c.finder.addBase64(value)
	}
}

// addLiteral adds a value to look for as it is, unless it tells nothing: it is its own mask, or a dummy, such as
// "x" or "token", that is in the name of every form.
func (c *credentials) addLiteral(value string) bool {
	masked := mask(value)
	if masked == value || len(value) < shortestWord || verify.IsWord(value) {
		return false
	}
	c.finder.add(literal{value, []span{{0, len(value), masked, credentialOf}}, len(value) < shortest})
	return true
}

// mask returns a constant of value's length: ones for a number, which stays one, and zeros otherwise,
// which stay hexadecimal digits where the value was made of them.
func mask(value string) string {
	if strings.Trim(value, "0123456789") == "" {
		return strings.Repeat("1", len(value))
	}
	return strings.Repeat("0", len(value))
}

// addBase64 adds what a credential always looks like inside base64. A cached finder can have it: credentials are
// few, and the same for many exchanges.
func (f *finder) addBase64(value string) {
	for offset := range 3 {
		padded := make([]byte, offset, offset+len(value))
		padded = append(padded, value...)
		// Before and after the characters that are made of value alone stand some with bits of its neighbours.
		first, last := (offset*8+5)/6, len(padded)*8/6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)[first:last]
			from, to := -(first - offset*8/6), len(text)+min(len(padded)*8%6, 1)
			f.add(literal{text: text, spans: []span{{from, to, strings.Repeat("0", to-from), credentialOf + " in base64"}}})
		}
	}
}
