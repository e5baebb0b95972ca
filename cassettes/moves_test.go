package cassettes

import (
	"fmt"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func TestWhatMovesIsPutBack(t *testing.T) {
	const a, b = "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VEbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	const x, y = "VE11111111111111111111111111111111", "VE22222222222222222222222222222222"
	var m moves
	for _, step := range []struct{ tape, now, real, back string }{ // of a, and of x and y
		{`{"sid": "` + a + `"}`, `{"sid": "` + x + `"}`, x, a + y},
		{`{"sid": "` + b + `"}`, `{"sid": "` + x + `"}`, x, a + y}, // one for two
		{`{"sid": "` + a + `"}`, `{"sid": "` + y + `"}`, y, a + a}, // and now two for one
		{`{"sid": "` + a + ` and ` + b + `"}`, `{"sid": "` + x + `"}`, y, a + a},
		{`{"sid": "` + a + `"}`, `{"sid": "VL11111111111111111111111111111111"}`, y, a + a},
		{`{"sid": "` + a + `"}`, `no JSON`, y, a + a},
		{`[{"sid": "` + a + `"}, 1]`, `[{"sid": "` + x + `"}]`, y, a + a},
		{`{"url": "/Services/` + a + `"}`, `{"url": "/v2/Services/` + x + `"}`, x, a + a},
	} {
		m.learn(step.tape, step.now, false)
		if real, _ := m.real(a); real != step.real || m.putBack(x+y) != step.back {
			t.Errorf("after %s it is %s now, and %s was on the tape", step.now, real, m.putBack(x+y))
		}
	}
}

func TestAListInAnotherOrderMovesNothing(t *testing.T) {
	const a, b = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	recorded := fmt.Sprintf(`{"services": [{"sid": "%s"}, {"sid": "%s"}]}`, a, redact.Pseudonym(b))
	var m moves
	m.learn(recorded, fmt.Sprintf(`{"services": [{"sid": "%s"}, {"sid": "%s"}]}`, b, a), false)
	for tape, want := range map[string]string{a: a, redact.Pseudonym(b): b} {
		if got, unknown := m.real("/v2/Services/" + tape); got != "/v2/Services/"+want || unknown != "" {
			t.Errorf("%s is %s now, %s", tape, got, unknown)
		}
	}

	// Pseudonyms tell whose they are, also in a list that the call itself has made.
	recorded = fmt.Sprintf(`[{"sid": "%s"}, {"sid": "%s"}]`, redact.Pseudonym(a), redact.Pseudonym(b))
	m = moves{}
	m.learn(recorded, fmt.Sprintf(`[{"sid": "%s"}, {"sid": "%s"}]`, b, a), true)
	if got, _ := m.real(recorded); got != fmt.Sprintf(`[{"sid": "%s"}, {"sid": "%s"}]`, a, b) {
		t.Errorf("got %s", got)
	}
}
