package cassettes

import (
	"net/http/httptest"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

func TestALatencyIsParsedAndWritten(t *testing.T) {
	for text, want := range map[string]struct {
		written           string
		shortest, longest time.Duration
	}{
		"none":        {"none", 0, 0},
		"0s":          {"none", 0, 0},
		"300ms":       {"300ms", 300 * time.Millisecond, 300 * time.Millisecond},
		"300ms±50ms":  {"300ms±50ms", 250 * time.Millisecond, 350 * time.Millisecond},
		"300ms+-50ms": {"300ms±50ms", 250 * time.Millisecond, 350 * time.Millisecond},
		"1s±1s":       {"1s±1s", 0, 2 * time.Second},
		"3m59.5s±.5s": {"3m59.5s±500ms", 239 * time.Second, 4 * time.Minute},
		"4m":          {"4m0s", 4 * time.Minute, 4 * time.Minute},
	} {
		l, err := ParseLatency(text)
		if err != nil || l.String() != want.written || l.Longest() != want.longest {
			t.Errorf("%s became %s with %s at most, %v", text, l, l.Longest(), err)
		}
		var sum time.Duration
		const turns = 1000
		for turn := range turns {
			d := l.of(time.Hour, 1, Key{}, 0, turn)
			if d < want.shortest || d > want.longest {
				t.Errorf("%s: turn %d takes %s", text, turn, d)
			}
			sum += d
		}
		// The mean of so many draws is off by a fiftieth of their width at most.
		middle, width := (want.shortest+want.longest)/2, want.longest-want.shortest
		if mean := sum / turns; (mean - middle).Abs() > width/50 {
			t.Errorf("%s takes %s on the average", text, mean)
		}
	}
}

func TestRecordedLatencyIsThatOfTheInteraction(t *testing.T) {
	l, err := ParseLatency("recorded")
	if err != nil || l.String() != "recorded" || l.Longest() != 0 {
		t.Errorf("it became %s with %s at most, %v", l, l.Longest(), err)
	}
	if d := l.of(time.Second, 1, Key{}, 0, 1); d != time.Second {
		t.Errorf("it takes %s", d)
	}
}

func TestAWrongLatencyIsRefusedWithASentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                  `"" is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms`,
		"soon":              `"soon" is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms`,
		"300":               `"300" is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms`,
		"-1s":               `"-1s" is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms`,
		"±50ms":             `"±50ms" is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms`,
		"300ms±":            `"300ms±" has no duration behind the ±; write one such as 300ms±50ms`,
		"300ms±-50ms":       `"300ms±-50ms" has no duration behind the ±; write one such as 300ms±50ms`,
		"300ms±5ms±1s":      `"300ms±5ms±1s" has no duration behind the ±; write one such as 300ms±50ms`,
		"300ms±301ms":       `"300ms±301ms" would be less than nothing at times; let the jitter be 300ms at most`,
		"4m1s":              `"4m1s" is too long; an answer is held back for 4m0s at most`,
		"4m±1s":             `"4m±1s" is too long; an answer is held back for 4m0s at most`,
		"2562047h±2562047h": `"2562047h±2562047h" is too long; an answer is held back for 4m0s at most`,
	} {
		if l, err := ParseLatency(text); err == nil || err.Error() != want || l != (Latency{}) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestJitterFollowsFromTheSeedTheKeyAndTheTurn(t *testing.T) {
	l, err := ParseLatency("300ms±50ms")
	if err != nil {
		t.Fatal(err)
	}
	first := l.of(0, 1, Key{1}, 2, 3)
	if again := l.of(0, 1, Key{1}, 2, 3); again != first {
		t.Errorf("the second time it takes %s, not %s", again, first)
	}
	for what, other := range map[string]time.Duration{
		"seed": l.of(0, 2, Key{1}, 2, 3), "key": l.of(0, 1, Key{2}, 2, 3), "interaction": l.of(0, 1, Key{1}, 3, 3), "turn": l.of(0, 1, Key{1}, 2, 4),
	} {
		if other == first {
			t.Errorf("another %s takes as long", what)
		}
	}
}

func TestAPlayerWaitsAnewForEachTurn(t *testing.T) {
	l, err := ParseLatency("20ms±20ms")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cassette{Interactions: []*cassette.Interaction{{ID: 7, Request: cassette.Request{Method: "GET", URL: "/v2"}, Response: cassette.Response{Code: 200}}}}
	policy := &redact.Policy{}
	p := &Player{Session: NewSession(c, policy, Match{}, PlayLast), Policy: policy, Latency: l, Seed: 13}
	for turn := 1; turn <= 5; turn++ {
		start := time.Now()
		if _, err := p.RoundTrip(httptest.NewRequest("GET", "/v2", nil)); err != nil {
			t.Fatal(err)
		}
		want := l.of(0, 13, (Match{}).Key(&c.Interactions[0].Request), 7, turn)
		if took := time.Since(start); took < want {
			t.Errorf("turn %d took %s, want %s", turn, took, want)
		}
	}
}
