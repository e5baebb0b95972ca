package redact

import (
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// findShapes adds to spans what is told by its form alone: SIDs, phone numbers with a plus, e-mail addresses,
// and words that are base64 of what is looked for. It reports whether v may have escapes.
func (f *Found) findShapes(v *view, layers, depth int, spans []span) (all []span, escapes bool) {
	text := v.text
	for i := 0; i < len(text); {
		class := classes[text[i]]
		if class&inWord == 0 {
			if class&isAt != 0 && !f.valuesOnly {
				spans = f.putAddress(v, spans, i)
			}
			escapes = escapes || class&isEscape != 0
			i++
			continue
		}
		start, seen := i, class
		for i++; i < len(text) && classes[text[i]]&inWord != 0; i++ {
			seen |= classes[text[i]]
		}
		if i-start >= sidLength && !f.valuesOnly {
			spans = f.findSIDs(v, start, i, spans)
		}
		if seen&isPlus != 0 && !f.valuesOnly {
			for j := start; j < i; j++ {
				if text[j] == '+' {
					spans = f.putAddress(v, spans, j)
				}
			}
		}
		if depth > 0 && i-start >= shortestBase64 {
			spans = f.findBase64(v, start, i, seen&isSlash != 0, layers, depth, spans)
		}
	}
	return spans, escapes
}

// classes are what bytes mean to findShapes.
var classes = func() (all [256]class) {
	for i := range all {
		if c := byte(i); isWord(c) || c == '+' || c == '/' || c == '-' || c == '_' {
			all[i] = inWord
		}
	}
	all['+'] |= isPlus
	all['/'] |= isSlash
	all['@'] |= isAt
	for _, c := range []byte(`%\&`) {
		all[c] |= isEscape
	}
	return all
}()

type class byte

const (
	inWord class = 1 << iota // one of base64's digits, in either alphabet
	isPlus
	isSlash
	isAt
	isEscape // begins an escape
)

// putAddress adds the phone number whose plus, or the e-mail address whose at sign, is at i.
func (f *Found) putAddress(v *view, spans []span, i int) []span {
	start, end := i, i
	if v.text[i] == '+' {
		end = phoneEnd(v.text, i)
	} else {
		start, end = emailAround(v.text, i)
	}
	if end == i || f.isAllowed(v.text[start:end]) {
		return spans
	}
	return v.put(spans, start, stand(verify.Address, v.text[start:end]), string(verify.Address))
}

// findSIDs adds the SIDs in a word. They may touch other letters: better one too many than one too few.
func (f *Found) findSIDs(v *view, start, end int, spans []span) []span {
	for i := start; i+sidLength <= end; i++ {
		if !isUpper(v.text[i]) || !isUpper(v.text[i+1]) {
			continue
		}
		sid := v.text[i : i+sidLength]
		if hidden := f.policy.hides(sid); IsPseudonym(sid) || !hidden && !f.restores || !isSID(sid) {
			continue
		} else if f.mine(sid, ""); !hidden { // the tape may come from a policy that hides it
			continue
		}
		p := Pseudonym(sid)
		from, to := v.span(i, i+sidLength)
		what := "SID"
		if isCredentialSID(sid) {
			what = "SID of an account or an API key"
		}
		spans = append(spans, span{from, to, p, what})
		i += sidLength - 1
	}
	return spans
}

// phoneEnd returns where the phone number ends whose plus is at i, or i if none is there: 7 to 15 digits, the
// first no zero, in a row, or else with spaces, dots, hyphens and brackets between them.
// Source: ITU-T E.164.
func phoneEnd(text string, i int) int {
	const least, most = 7, 15
	end := i // of the last group of digits with which there are not too many
	for j, digits, between, groups := i+1, 0, 0, 0; j <= len(text); j++ {
		c := byte(0)
		if j < len(text) {
			c = text[j]
		}
		switch {
		case '1' <= c && c <= '9', c == '0' && digits > 0:
			digits++
			between = 0
			continue
		case between > 0: // no group ends here
		case digits > most:
			return end
		case digits >= least:
			end = j
			if groups == 0 {
				return end
			}
		}
		between++
		groups++
		if strings.IndexByte(" .-()", c) < 0 || digits == 0 || between > 2 {
			break
		}
	}
	return end
}

// emailAround returns where the e-mail address begins and ends whose at sign is at i; the end is i if there
// is none. What stands before the host of a URL is none.
func emailAround(text string, i int) (start, end int) {
	start, end = i, i
	for start > 0 && i-start < 64 && isInUser(text[start-1]) && !escapeEnds(text, start) {
		start--
	}
	for end = i + 1; end < len(text) && end-i < 255 && (isWord(text[end]) || text[end] >= 0x80 || text[end] == '.' || text[end] == '-'); {
		end++
	}
	for end > i && (text[end-1] == '.' || text[end-1] == '-') {
		end--
	}
	host := text[min(i+1, end):end]
	dot := strings.LastIndexByte(host, '.')
	if start == i || dot < 1 || len(host)-dot < 3 || '0' <= host[dot+1] && host[dot+1] <= '9' || isUserinfo(text[:start]) {
		return i, i
	}
	return start, end
}

func isInUser(c byte) bool { return isWord(c) || c >= 0x80 || strings.IndexByte("._%+-'", c) >= 0 }

// escapeEnds reports whether an escape, such as %20 or \n, ends at i: what it stands for is looked at in the view
// without escapes, and is not to be torn apart here.
func escapeEnds(text string, i int) bool {
	for n := 2; n <= min(i, longestEscape); n++ {
		if c := text[i-n]; c == '%' || c == '\\' || c == '&' {
			if _, width := unescapeOne(text[i-n:]); width == n {
				return true
			}
		}
	}
	return false
}

// longestUserinfo bounds how far back the // of a URL is looked for.
const longestUserinfo = 512

// isUserinfo reports whether before ends inside the authority of a URL.
func isUserinfo(before string) bool {
	before = before[max(0, len(before)-longestUserinfo):]
	i := strings.LastIndex(before, "//")
	return i >= 0 && !strings.ContainsAny(before[i+2:], "/?# \"<>\\")
}
