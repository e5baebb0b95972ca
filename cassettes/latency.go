package cassettes

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// MaxWait is the longest that an answer may be held back: 4 minutes. A server must let an answer take longer.
const MaxWait = 4 * time.Minute

// Latency says how long replayed answers take. Its zero value is "none": they come at once.
type Latency struct {
	recorded      bool
	fixed, jitter time.Duration
}

// ParseLatency returns the latency that text is.
//
//	none         no more than it takes
//	recorded     what the recorded answer took
//	300ms        that long
//	300ms±50ms   from 250 ms to 350 ms, drawn anew for each answer; also written 300ms+-50ms
func ParseLatency(text string) (Latency, error) {
	switch text {
	case "none":
		return Latency{}, nil
	case "recorded":
		return Latency{recorded: true}, nil
	}
	fixed, jitter, jitters := strings.Cut(strings.Replace(text, "+-", "±", 1), "±")
	l := Latency{}
	var err error
	if l.fixed, err = time.ParseDuration(fixed); err != nil || l.fixed < 0 {
		return Latency{}, fmt.Errorf("%q is no latency; write none, recorded, or a duration such as 300ms or 300ms±50ms", text)
	}
	if jitters {
		if l.jitter, err = time.ParseDuration(jitter); err != nil || l.jitter < 0 {
			return Latency{}, fmt.Errorf("%q has no duration behind the ±; write one such as 300ms±50ms", text)
		}
	}
	switch {
	case l.jitter > l.fixed:
		return Latency{}, fmt.Errorf("%q would be less than nothing at times; let the jitter be %s at most", text, l.fixed)
	case l.fixed > MaxWait || l.Longest() > MaxWait:
		return Latency{}, fmt.Errorf("%q is too long; an answer is held back for %s at most", text, MaxWait)
	}
	return l, nil
}

// String returns the text that ParseLatency takes.
func (l Latency) String() string {
	switch {
	case l.recorded:
		return "recorded"
	case l.fixed == 0:
		return "none"
	case l.jitter == 0:
		return l.fixed.String()
	}
	return l.fixed.String() + "±" + l.jitter.String()
}

// Longest returns the most that l can be; 0 if what was recorded decides.
func (l Latency) Longest() time.Duration { return l.fixed + l.jitter }

// of returns how long the answer of an interaction takes that has its turn for the turn-th time.
func (l Latency) of(recorded time.Duration, seed uint64, key Key, interaction, turn int) time.Duration {
	switch {
	case l.recorded:
		return recorded
	case l.jitter == 0:
		return l.fixed
	}
	drawn := Chance(seed, "latency", key, interaction, turn)
	return l.fixed + time.Duration((2*drawn-1)*float64(l.jitter))
}

// Sleep waits for d. It returns early, with the error of ctx, when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
