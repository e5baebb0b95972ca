package cassettes

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// moves knows which SIDs of a tape are others now: what is created anew gets a new SID, and a pseudonym stands for
// a real one. The zero value knows none.
type moves struct {
	now     map[string]string // by the tape's SID
	onTape  map[string]string // by the new SID
	account string            // what stands for the tape's pseudonyms of accounts, if nothing else is known; or ""
}

var sidText = regexp.MustCompile(`[A-Z]{2}[0-9a-fA-F]{32}`)

// move notes that what has the SID tape on the tape has the SID now. A later move of the same counts for what is
// sent; what is put back is the first.
func (m *moves) move(tape, now string) {
	if m.now == nil {
		m.now, m.onTape = map[string]string{}, map[string]string{}
	}
	m.now[tape] = now
	if _, ok := m.onTape[now]; !ok {
		m.onTape[now] = tape
	}
}

// isSure reports whether the SID that a pseudonym of the tape stands for is known.
func (m *moves) isSure(tape string) bool {
	now, ok := m.now[tape]
	return ok && redact.IsPseudonym(tape) && redact.Pseudonym(now) == tape
}

// real returns text with the SIDs that are right now, or a pseudonym of which the real SID is not known.
func (m *moves) real(text string) (real, unknown string) {
	real = sidText.ReplaceAllStringFunc(text, func(sid string) string {
		now, ok := m.now[sid]
		switch {
		case ok:
			return now
		case !redact.IsPseudonym(sid):
			return sid
		case sid[:2] == "AC" && m.account != "":
			m.move(sid, m.account)
			return m.account
		}
		unknown = sid
		return sid
	})
	return real, unknown
}

// putBack returns text with the tape's own SIDs.
func (m *moves) putBack(text string) string {
	return sidText.ReplaceAllStringFunc(text, func(sid string) string {
		if tape, ok := m.onTape[sid]; ok {
			return tape
		}
		return sid
	})
}

// learn notes which SIDs have moved between two bodies, neither of them redacted: those that a pseudonym tells,
// and those in the same place. In lists the place counts only if they were made by the call itself: another list
// may be in another order now, and a later call must not hit what it does not mean.
func (m *moves) learn(tape, now string, made bool) {
	for _, sid := range sidText.FindAllString(now, -1) {
		if p := redact.Pseudonym(sid); strings.Contains(tape, p) {
			m.move(p, sid)
		}
	}
	var a, b any
	if json.Unmarshal([]byte(tape), &a) == nil && json.Unmarshal([]byte(now), &b) == nil {
		m.learnIn(a, b, made)
	}
}

func (m *moves) learnIn(tape, now any, lists bool) {
	switch tape := tape.(type) {
	case string:
		if now, ok := now.(string); ok {
			m.learnText(tape, now)
		}
	case map[string]any:
		now, _ := now.(map[string]any)
		for name, value := range tape {
			m.learnIn(value, now[name], lists)
		}
	case []any:
		now, _ := now.([]any)
		for i := range min(len(tape), len(now)) {
			if lists {
				m.learnIn(tape[i], now[i], lists)
			}
		}
	}
}

// learnText notes which SIDs have moved between two texts of the same place, if both have the same kinds of SIDs.
func (m *moves) learnText(tape, now string) {
	old, current := sidText.FindAllString(tape, -1), sidText.FindAllString(now, -1)
	if len(old) != len(current) {
		return
	}
	for i := range old {
		if old[i][:2] != current[i][:2] {
			return
		}
	}
	for i := range old {
		if !m.isSure(old[i]) {
			m.move(old[i], current[i])
		}
	}
}
