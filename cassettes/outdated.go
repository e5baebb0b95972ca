package cassettes

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Outdated are the interactions of a tape that were recorded too long ago. Those that are recorded afresh are taken
// off the tape when it is closed. It is safe for concurrent use.
type Outdated struct {
	file   string
	policy *redact.Policy
	match  Match

	mu       sync.Mutex
	numbers  map[Key][]int // of those that are still asked for by this key
	replaced []int
}

// Outdated takes the interactions that were recorded before limit out of c, and returns them. Those of which it is not
// known when they were recorded, as in a cassette of stock go-vcr, stay, with a notice.
func (c *Cassette) Outdated(limit time.Time, policy *redact.Policy, match Match) *Outdated {
	o := &Outdated{file: c.File, policy: policy, match: match, numbers: map[Key][]int{}}
	c.noticeUnknownAge()
	old := c.recordedBefore(limit)
	for _, i := range old {
		key := match.unredacted(policy, c.Interactions[i].Request)
		o.numbers[key] = append(o.numbers[key], i)
	}
	c.remove(old)
	return o
}

// NoticeAge adds notices of the interactions that were recorded before limit, and of those of which it is not known.
func (c *Cassette) NoticeAge(limit time.Time) {
	if old := c.recordedBefore(limit); len(old) > 0 {
		first := slices.MinFunc(old, func(a, b int) int { return c.times[a].Compare(c.times[b]) })
		c.Notices = append(c.Notices, fmt.Sprintf("%s: %d of %d interactions were recorded before %s, the first, interaction %d, on %s; \"twilio-vcr auto\" with the same --max-age records them afresh",
			c.File, len(old), len(c.Interactions), limit.Format(time.DateOnly), first, c.times[first].Format(time.DateOnly)))
	}
	c.noticeUnknownAge()
}

func (c *Cassette) noticeUnknownAge() {
	unknown := 0
	for _, at := range c.times {
		if at.IsZero() {
			unknown++
		}
	}
	if unknown > 0 {
		c.Notices = append(c.Notices, fmt.Sprintf("%s: it does not say when %d of %d interactions were recorded, so they are taken for recent", c.File, unknown, len(c.times)))
	}
}

// recordedBefore returns the numbers of the interactions that were recorded before limit.
func (c *Cassette) recordedBefore(limit time.Time) []int {
	var old []int
	for i, at := range c.times {
		if !at.IsZero() && at.Before(limit) {
			old = append(old, i)
		}
	}
	return old
}

// remove takes the interactions with these indexes out of c. The others keep their numbers.
func (c *Cassette) remove(indexes []int) {
	gone := make(map[int]bool, len(indexes))
	for _, i := range indexes {
		gone[i] = true
	}
	var interactions []*cassette.Interaction
	var times []time.Time
	for i, it := range c.Interactions {
		if !gone[i] {
			interactions, times = append(interactions, it), append(times, c.times[i])
		}
	}
	c.Interactions, c.times = interactions, times
}

// Replace notes that it was recorded in the place of those that are asked for alike.
func (o *Outdated) Replace(it *cassette.Interaction) {
	key := o.match.unredacted(o.policy, it.Request)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replaced = append(o.replaced, o.numbers[key]...)
	delete(o.numbers, key)
}

// close takes what was replaced off the tape, and returns what a user should know.
func (o *Outdated) close() ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.replaced) == 0 {
		return nil, nil
	}
	c, err := Load(o.file)
	if err == nil {
		c.remove(o.replaced)
		err = c.rewrite()
	}
	if err != nil {
		return nil, fmt.Errorf("take what was recorded afresh off the tape: %w", err)
	}
	return []string{fmt.Sprintf("%s: %d outdated interactions were recorded afresh", o.file, len(o.replaced))}, nil
}
