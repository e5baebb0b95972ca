package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// sidLength is two letters and 32 hexadecimal digits.
const sidLength = 34

// pseudonymZeros follow the two letters of a pseudonym. No real SID has them: its digits are random.
const pseudonymZeros = "00000000000000000000"

// Pseudonym returns what stands for a SID on every tape: its two letters, twenty zeros, and the first
// twelve hexadecimal digits of its SHA-256. The pseudonym of a pseudonym is itself.
func Pseudonym(sid string) string {
	if IsPseudonym(sid) {
		return sid
	}
	var b [sidLength]byte
	pseudonym(b[:], sid)
	return string(b[:])
}

func pseudonym[T string | []byte](to []byte, sid T) {
	sum := sha256.Sum256([]byte(sid))
	copy(to, sid[:2])
	copy(to[2:], pseudonymZeros)
	hex.Encode(to[2+len(pseudonymZeros):], sum[:6])
}

// IsPseudonym reports whether sid has the form of a pseudonym.
func IsPseudonym(sid string) bool {
	return len(sid) == sidLength && strings.HasPrefix(sid[2:], pseudonymZeros)
}

// Canonical puts its pseudonym in the place of each SID in text, of whatever kind. So two requests that
// differ in that only are the same, whatever the policy of the tape.
func Canonical(text []byte) {
	for i := 0; i+sidLength <= len(text); i++ {
		if sid := text[i : i+sidLength]; isSID(sid) {
			if string(sid[2:2+len(pseudonymZeros)]) != pseudonymZeros {
				pseudonym(sid, sid)
			}
			i += sidLength - 1
		}
	}
}

// isSID reports whether s has the form of a SID: two capital letters and 32 hexadecimal digits.
func isSID[T string | []byte](s T) bool { return len(s) == sidLength && startsSID(s) }

// startsSID reports whether s is a SID, or what somebody took for one: two capital letters and hexadecimal digits.
func startsSID[T string | []byte](s T) bool {
	if len(s) < 2 || !isUpper(s[0]) || !isUpper(s[1]) {
		return false
	}
	for i := 2; i < len(s); i++ {
		if _, ok := hexDigit(s[i]); !ok {
			return false
		}
	}
	return true
}

// isCredentialSID reports whether s is the SID of an account or of an API key.
func isCredentialSID(s string) bool {
	return isSID(s) && slices.Contains(verify.CredentialSIDs, s[:2])
}

func hexDigit(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// HasPseudonym reports whether something stands in text for a value of the caller's: see Found.Restore.
func HasPseudonym(text string) bool {
	if strings.Contains(text, phone) || strings.Contains(text, email) {
		return true
	}
	for {
		i := strings.Index(text, pseudonymZeros)
		if i < 0 {
			return false
		}
		if i >= 2 && len(text) >= i+sidLength-2 && isSID(text[i-2:i+sidLength-2]) {
			return true
		}
		text = text[i+1:]
	}
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
