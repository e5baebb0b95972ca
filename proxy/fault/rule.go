// Package fault injects faults into the answers of a mode, to test what a client makes of them: errors, cut
// connections, answers that are cut off or late.
//
// It knows requests and answers, and nothing of where answers come from.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// Rule is one fault: which requests it hits, and what it does to them. Parse makes one.
type Rule struct {
	text string

	rate   float64 // the share of the requests that it hits, 0 for all
	nth    int     // the one request that it hits, 0 for all
	method string  // "" for all
	path   cassettes.Pattern

	status     int    // of the answer, 0 for the real one
	retryAfter string // seconds, "" for none
	drop       bool
	truncate   bool
	delay      time.Duration
}

// keys are what a rule is made of.
var keys = []struct {
	name string
	word bool // it takes no value
	set  func(r *Rule, value string) error
}{
	{"rate", false, setRate},
	{"nth", false, setNth},
	{"method", false, setMethod},
	{"path", false, setPath},
	{"status", false, setStatus},
	{"retry-after", false, setRetryAfter},
	{"drop", true, func(r *Rule, _ string) error { r.drop = true; return nil }},
	{"truncate", true, func(r *Rule, _ string) error { r.truncate = true; return nil }},
	{"delay", false, setDelay},
}

// Parse returns the rule that text is: conditions, all of which a request must fulfil, and what is done to it then,
// with commas between them.
//
//	rate=0.1        one in ten requests; which ones follows from the seed
//	nth=3           the third request that method and path fit, in each session
//	method=POST
//	path=PATTERN    see cassettes.Pattern
//
//	status=429      the request gets this error in Twilio's shape, and goes no further
//	retry-after=2   and the answer has this header
//	drop            the connection is cut without an answer
//	truncate        the connection is cut in the middle of the answer's body
//	delay=2s        that comes two seconds later; it may stand alone
//
// The error is a sentence that says what helps.
func Parse(text string) (Rule, error) {
	r := Rule{text: text}
	given := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, valued := strings.Cut(strings.TrimSpace(part), "=")
		if given[name] {
			return Rule{}, fmt.Errorf("%s is given twice; give it once", name)
		}
		given[name] = true
		if err := r.set(name, value, valued); err != nil {
			return Rule{}, err
		}
	}
	if err := check(given); err != nil {
		return Rule{}, err
	}
	return r, nil
}

// set applies one part of a rule's text.
func (r *Rule) set(name, value string, valued bool) error {
	for _, k := range keys {
		switch {
		case k.name != name:
		case k.word && valued:
			return fmt.Errorf("%s takes no value; write %s alone", name, name)
		case !k.word && !valued:
			return fmt.Errorf("%s needs a value; write %s=VALUE", name, name)
		default:
			return k.set(r, value)
		}
	}
	if name == "" {
		return errors.New("a part of the fault is empty; write it as in nth=3,status=429")
	}
	return fmt.Errorf("a fault has no %q; it has rate, nth, method, path, status, retry-after, drop, truncate and delay", name)
}

// check finds what is wrong between the parts of a rule.
func check(given map[string]bool) error {
	for _, pair := range [][2]string{{"rate", "nth"}, {"status", "drop"}, {"status", "truncate"}, {"drop", "truncate"}} {
		if given[pair[0]] && given[pair[1]] {
			return fmt.Errorf("%s and %s exclude each other: give one of them", pair[0], pair[1])
		}
	}
	switch {
	case given["retry-after"] && !given["status"]:
		return errors.New("retry-after goes with an error only; add status=429")
	case !given["status"] && !given["drop"] && !given["truncate"] && !given["delay"]:
		return errors.New("the fault does nothing; add status=429, drop, truncate or delay=2s")
	}
	return nil
}

// String returns the text that the rule was made of.
func (r Rule) String() string { return r.text }

// Delay returns how much later than without the rule an answer comes.
func (r Rule) Delay() time.Duration { return r.delay }

// fits reports whether the rule's method and path are req's.
func (r Rule) fits(req *http.Request) bool {
	return (r.method == "" || r.method == req.Method) && r.path.Match(req.URL.EscapedPath())
}

func setRate(r *Rule, value string) error {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || !(rate > 0 && rate <= 1) { // so it is with NaN too
		return fmt.Errorf("rate: %q is no share of the requests; write a number above 0 and up to 1, such as 0.1", value)
	}
	r.rate = rate
	return nil
}

func setNth(r *Rule, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return fmt.Errorf("nth: %q is none of 1, 2, 3 and so on; write 3 for the third request", value)
	}
	r.nth = n
	return nil
}

var capitals = regexp.MustCompile(`^[A-Z]+$`)

func setMethod(r *Rule, value string) error {
	if !capitals.MatchString(value) {
		return fmt.Errorf("method: %q is no method of HTTP; write one in capitals, such as POST", value)
	}
	r.method = value
	return nil
}

func setPath(r *Rule, value string) (err error) {
	r.path, err = cassettes.ParsePattern(value)
	return err
}

func setStatus(r *Rule, value string) error {
	status, err := strconv.Atoi(value)
	if err != nil || status < 400 || status > 599 {
		return fmt.Errorf("status: %q is no HTTP status of an error; write one from 400 to 599, such as 429", value)
	}
	r.status = status
	return nil
}

func setRetryAfter(r *Rule, value string) error {
	if _, err := strconv.ParseUint(value, 10, 31); err != nil {
		return fmt.Errorf("retry-after: %q is no number of seconds; write one such as 2", value)
	}
	r.retryAfter = value
	return nil
}

func setDelay(r *Rule, value string) error {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil || d <= 0:
		return fmt.Errorf("delay: %q is no duration above 0; write one with its unit, such as 500ms or 12s", value)
	case d > cassettes.MaxWait:
		return fmt.Errorf("delay: %q is too long; an answer is held back for %s at most", value, cassettes.MaxWait)
	}
	r.delay = d
	return nil
}
