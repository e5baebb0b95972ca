package redact

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// What stands on the tape for values that could be guessed by trying. They are constants, so that nothing can
// be learned from them and that calls which differ in them only are the same request.
const (
	phone      = "15005550006" // with a plus before it Twilio's number for tests, which is E.164
	emailUser  = "redacted"
	emailHost  = "example.com"
	email      = emailUser + "@" + emailHost
	ipv4       = "192.0.2.1" // RFC 5737
	ipv6       = "2001:db8::1"
	amount     = "1.00"
	urlHost    = "redacted.example.com" // RFC 2606
	freeText   = "redacted"
	date       = "2000-01-01"
	timeOfDay  = "T00:00:00Z"
	uuid       = "00000000-0000-0000-0000-000000000000"
	tokenZeros = "00000000000000000000000000000000"
	jwtZeros   = "0000.0000.0000"
)

// A placeholder is made of letters, digits, dots and hyphens, which no encoding escapes, and of what it leaves of
// the value: the plus of a number, the at sign of an address. So it can be put into an escaped text.

// stand returns what to replace in value, which is not escaped, so that nothing of it can be told but its kind.
// Where there is nothing to replace, value is a placeholder already.
func stand(kind verify.Kind, value string) []span {
	all := standFor(kind, value)
	spans := all[:0]
	for _, s := range all {
		if value[s.start:s.end] != s.with {
			spans = append(spans, s)
		}
	}
	return spans
}

func standFor(kind verify.Kind, value string) []span {
	switch kind {
	case verify.Address:
		return standForAddress(value)
	case verify.Code:
		if len(value) <= maxCode && value != jwtZeros {
			return whole(value, maskCode(value))
		}
		return standForToken(value)
	case verify.Token, verify.Credential:
		return standForToken(value)
	case verify.IP:
		return standForIPs(value)
	case verify.Money:
		if m := digits.FindStringIndex(value); m != nil {
			return []span{{start: m[0], end: m[1], with: amount}}
		}
	case verify.URL:
		if i := strings.Index(value, ":"); i > 0 && isScheme(value[:i]) {
			i++
			for i < len(value) && value[i] == '/' {
				i++
			}
			return []span{{start: i, end: len(value), with: urlHost}}
		}
	}
	return standForText(value)
}

func whole(value, with string) []span { return []span{{start: 0, end: len(value), with: with}} }

// maxCode is the length of the longest code: Twilio's have 4 to 10 characters, extensions some more.
const maxCode = 16

// maskCode keeps a code's length, its digits digits and its letters letters.
func maskCode(value string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '1'
		}
		return 'x'
	}, strings.ToValidUTF8(value, "x"))
}

var (
	digits    = regexp.MustCompile(`\d(?:.*\d)?`)
	phoneText = regexp.MustCompile(`^(?:\s*|[a-z]+:)\+?(\(?\d[\d ().-]{3,}\d)$`)
	emailText = regexp.MustCompile(`^(?:mailto:)?([^@\s:]+)@([^@\s]+)$`)
	base32Key = regexp.MustCompile(`^[A-Z2-7]{16,}=*$`)
	jwt       = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]*$`)
	dateText  = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$`)
	uuidText  = regexp.MustCompile(`^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	number    = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
)

func isDate(value string) bool {
	return len(value) >= len(date) && value[4] == '-' && dateText.MatchString(value)
}

func isNumber(value string) bool {
	return value != "" && value[len(value)-1] <= '9' && number.MatchString(value)
}

func standForAddress(value string) []span {
	if len(value) > 6 && value[0] == '+' && strings.Trim(value[1:], "0123456789") == "" {
		return []span{{start: 1, end: len(value), with: phone}} // nearly always
	}
	if m := phoneText.FindStringSubmatchIndex(value); m != nil {
		return []span{{start: m[2], end: m[3], with: phone}}
	}
	if m := emailText.FindStringSubmatchIndex(value); m != nil {
		return []span{{start: m[2], end: m[3], with: emailUser}, {start: m[4], end: m[5], with: emailHost}}
	}
	return standForText(value)
}

func standForToken(value string) []span {
	switch {
	case value == "":
		return nil
	case (isUpper(value[0]) || '2' <= value[0] && value[0] <= '7') && base32Key.MatchString(value):
		return whole(value, strings.Repeat("A", len(tokenZeros)))
	case strings.Count(value, ".") == 2 && jwt.MatchString(value):
		return whole(value, jwtZeros)
	}
	return whole(value, tokenZeros)
}

// standForIPs replaces each address of a list, as X-Forwarded-For has it.
func standForIPs(value string) []span {
	var spans []span
	start := 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) && strings.IndexByte(", ;=\"[]", value[i]) < 0 {
			continue
		}
		switch word := value[start:i]; {
		case word == "" || word == "for" || word == "by" || word == "proto" || word == "host":
		default:
			with := ipv4
			addr, err := netip.ParseAddr(word)
			if port, portErr := netip.ParseAddrPort(word); err != nil && portErr == nil {
				addr, err = port.Addr(), nil
			}
			switch {
			case err == nil && addr.IsLoopback(): // which everybody has
				with = word
			case err == nil && addr.Is6():
				with = ipv6
			}
			spans = append(spans, span{start: start, end: i, with: with})
		}
		start = i + 1
	}
	return spans
}

// standForText keeps the kind of what can be recognised.
func standForText(value string) []span {
	switch {
	case isSID(value):
		return whole(value, Pseudonym(value))
	case strings.TrimSpace(value) == "":
		return nil
	case strings.Contains(value, "+") && phoneText.MatchString(value), strings.Contains(value, "@") && emailText.MatchString(value):
		return standForAddress(value)
	case isDate(value):
		if len(value) == len(date) {
			return whole(value, date)
		}
		return whole(value, date+timeOfDay)
	case len(value) == len(uuid) && uuidText.MatchString(value):
		return whole(value, uuid)
	case isNumber(value):
		return whole(value, maskNumber(value))
	case strings.Contains(value, "://"):
		return standFor(verify.URL, value)
	}
	if _, err := netip.ParseAddr(value); err == nil {
		return standForIPs(value)
	}
	return whole(value, freeText)
}

// maskNumber keeps the form of a number.
func maskNumber(value string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '1'
		}
		return r
	}, value)
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isWord(c) && c != '+' && c != '-' {
			return false
		}
	}
	return len(s) > 1
}

// spreads reports whether value, which stood in a place of that kind, is looked for elsewhere too, and whether
// only as a whole word. What is short, and a word that the API itself speaks in, says nothing about anybody
// where it stands by itself, and would be found everywhere.
func spreads(kind verify.Kind, value string) (word, ok bool) {
	letters, others := 0, 0 // letters of ASCII, and what else is no punctuation
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case '0' <= c && c <= '9', c >= 0x80:
			others++
		case isWord(c):
			letters++
		}
	}
	switch {
	case letters+others < shortestWord, isPlaceholder(value):
		return false, false
	case verify.IsWord(value), isDate(value):
		return false, false
	case kind != verify.Code && others < 6 && isNumber(value):
		return false, false
	}
	switch kind {
	case verify.Text:
		word = letters == len(value) || letters == 0
	case verify.Code, verify.IP, verify.Money:
		word = true
	}
	return word || len(value) < shortest, true
}

// standText is a whole value of which nothing is left but its kind. A code keeps its length, money its currency.
var standText = regexp.MustCompile(`^(?:(?:[A-Za-z][\w+-]*:)?/{0,2}\+?(?:` + strings.Join([]string{
	phone, regexp.QuoteMeta(email), regexp.QuoteMeta(urlHost), regexp.QuoteMeta(ipv4), ipv6, freeText, date + `(?:` + timeOfDay + `)?`,
	uuid, tokenZeros, regexp.QuoteMeta(jwtZeros), Placeholder, `A{32}`, `[1x]+`,
}, "|") + `)|\D*` + regexp.QuoteMeta(amount) + `\D*)$`)

// Stands reports whether value as a whole is what stands on a tape for a secret or a personal value, so that
// nothing can be told from another such value. Pseudonyms of SIDs are not meant: they tell SIDs apart.
func Stands(value string) bool { return standText.MatchString(value) }

// isPlaceholder reports whether value is, or is part of, what stands for values.
func isPlaceholder(value string) bool {
	const all = "+" + phone + " " + email + " " + ipv4 + " " + ipv6 + " " + amount + " https://" + urlHost +
		" " + freeText + " " + date + timeOfDay + " " + uuid + " " + tokenZeros + " " + Placeholder
	return strings.Contains(all, value) || strings.Trim(value, "1") == "" || strings.Trim(value, "0.") == "" || strings.Trim(value, "Ax") == ""
}
