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
	sum := sha256.Sum256([]byte(sid))
	return sid[:2] + pseudonymZeros + hex.EncodeToString(sum[:6])
}

// IsPseudonym reports whether sid has the form of a pseudonym.
func IsPseudonym(sid string) bool {
	return len(sid) == sidLength && strings.HasPrefix(sid[2:], pseudonymZeros)
}

// isCredentialSID reports whether s is the SID of an account or of an API key.
func isCredentialSID(s string) bool {
	return len(s) == sidLength && slices.Contains(verify.CredentialSIDs, s[:2]) && isHex(s[2:])
}

// credentialSIDs returns where in text account and API key SIDs begin. They may touch other letters:
// better one match too many than one too few.
func credentialSIDs(text string) []int {
	var starts []int
	for i := 0; i+sidLength <= len(text); i++ {
		if c := text[i]; (c == 'A' || c == 'S') && isCredentialSID(text[i:i+sidLength]) {
			starts = append(starts, i)
			i += sidLength - 1
		}
	}
	return starts
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if _, ok := hexDigit(s[i]); !ok {
			return false
		}
	}
	return true
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

// HasPseudonym reports whether a pseudonym stands in text.
func HasPseudonym(text string) bool {
	for {
		i := strings.Index(text, pseudonymZeros)
		if i < 0 {
			return false
		}
		if i >= 2 && len(text) >= i+sidLength-2 && isUpper(text[i-2]) && isUpper(text[i-1]) && isHex(text[i:i+sidLength-2]) {
			return true
		}
		text = text[i+1:]
	}
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
