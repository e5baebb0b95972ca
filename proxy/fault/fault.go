package fault

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// ErrDropped is returned in place of an answer: the connection to the client is to be cut.
var ErrDropped = errors.New("the connection is cut by a fault that was asked for")

// Injector stands before the transport of a mode, and answers in its place, or spoils its answers, as Rules say.
// It is an http.RoundTripper, safe for concurrent use. Its fields must not be changed after the first request.
//
// The first rule that hits a request decides. What hits follows from Seed and from the requests alone: the same
// requests meet the same faults in every run, also when they overtake each other. Two requests are the same as
// they are for a cassette: if they have the same match key.
type Injector struct {
	Next   http.RoundTripper
	Rules  []Rule
	Seed   uint64
	Policy *redact.Policy
	Report cassettes.Report

	mu   sync.Mutex
	seen map[uint64]int // how often a request has come, by the hash of its session and key
	fit  map[place]int  // how many requests the method and path of a rule with nth have fitted
}

type place struct {
	rule    int
	session string
}

// maxSeen is how many different requests are counted. Their counts take about 40 MB then, and begin anew.
const maxSeen = 1 << 20

// RoundTrip gives req to Next, or does what the first rule says that hits it. The error is ErrDropped, or it is set
// because req's body can't be read or its client has gone away.
func (i *Injector) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	key, req, err := cassettes.Identify(i.Policy, req)
	if err != nil {
		return nil, err
	}
	rule := i.choose(req, key)
	if rule == nil {
		return i.Next.RoundTrip(req)
	}
	e := cassettes.NewExchange(i.Policy, req)
	resp, done, err := i.inject(rule, req)
	e.Detail = fmt.Sprintf("%s by fault %q", strings.Join(done, ", "), rule)
	told := resp
	if told == nil {
		told = &http.Response{Header: http.Header{}} // there is no answer: its status is 0
	}
	i.Report.Send(e, cassettes.Faulted, told, start)
	return resp, err
}

// choose counts a request, and returns the first rule that hits it, or nil.
func (i *Injector) choose(req *http.Request, key cassettes.Key) (chosen *Rule) {
	session := cassettes.SessionName(req.Context())
	i.mu.Lock()
	defer i.mu.Unlock()
	turn := i.count(session, key)
	for n := range i.Rules {
		r := &i.Rules[n]
		if !r.fits(req) {
			continue
		}
		hit := true
		switch {
		case r.nth > 0: // what a rule before it has hit is counted too
			i.fit[place{n, session}]++
			hit = i.fit[place{n, session}] == r.nth
		case r.rate > 0:
			hit = cassettes.Chance(i.Seed, "fault in "+session, key, n, turn) < r.rate
		}
		if hit && chosen == nil {
			chosen = r
		}
	}
	return chosen
}

// hashing makes hashes that tell nothing of what they are made of.
var hashing = maphash.MakeSeed()

// count returns how often the request has come to the session, with this time. The caller holds i.mu.
func (i *Injector) count(session string, key cassettes.Key) int {
	if i.seen == nil {
		i.fit = map[place]int{}
	}
	if i.seen == nil || len(i.seen) == maxSeen {
		i.seen = map[uint64]int{}
	}
	h := maphash.Comparable(hashing, struct {
		session string
		key     cassettes.Key
	}{session, key})
	i.seen[h]++
	return i.seen[h]
}

// inject does what rule says to req and its answer. It returns what it has done, in words.
func (i *Injector) inject(rule *Rule, req *http.Request) (resp *http.Response, done []string, err error) {
	if rule.delay > 0 {
		delay := "delay " + rule.delay.String()
		if err := cassettes.Sleep(req.Context(), rule.delay); err != nil {
			return nil, []string{delay + " that the client did not wait for"}, err
		}
		done = append(done, delay)
	}
	switch {
	case rule.drop:
		return nil, append(done, "connection cut"), ErrDropped
	case rule.status > 0:
		done = append(done, "status "+strconv.Itoa(rule.status))
		resp = verify.StatusError(rule.status).Response(req)
		if rule.retryAfter != "" {
			resp.Header.Set("Retry-After", rule.retryAfter)
		}
	default:
		if resp, err = i.Next.RoundTrip(req); err != nil {
			return nil, append(done, "no answer"), err
		}
		if rule.truncate {
			done = append(done, truncate(resp))
		}
	}
	resp.Header.Set(cassettes.OutcomeHeader, string(cassettes.Faulted))
	return resp, done, nil
}

// truncate leaves resp the first half of its body, and tells the length of the whole, so that net/http cuts the
// connection where the half ends. It returns what it has done, in words.
func truncate(resp *http.Response) string {
	// What breaks off by itself is cut where its first half ends, too.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, cassettes.MaxBody))
	_ = resp.Body.Close()
	if len(body) == 0 {
		return "no body to truncate"
	}
	whole := max(int64(len(body)), resp.ContentLength)
	resp.Body = io.NopCloser(bytes.NewReader(body[:len(body)/2]))
	resp.ContentLength = whole
	resp.Header.Set("Content-Length", strconv.FormatInt(whole, 10))
	resp.TransferEncoding, resp.Trailer = nil, nil
	resp.Header.Del("Transfer-Encoding")
	resp.Header.Del("Trailer")
	return fmt.Sprintf("answer cut after %d of %d bytes", len(body)/2, whole)
}
