package fault_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

// echo answers with the body of the request.
type echo struct{}

func (echo) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: req.Body}, nil
}

func injector(t *testing.T, seed uint64, rules ...string) *fault.Injector {
	t.Helper()
	i := &fault.Injector{Next: echo{}, Seed: seed, Policy: &redact.Policy{}}
	for _, text := range rules {
		r, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		i.Rules = append(i.Rules, r)
	}
	return i
}

// ask sends a request to i and returns the status, 0 for a cut connection.
func ask(t *testing.T, i *fault.Injector, session, method, target, body string) int {
	t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	resp, err := i.RoundTrip(req.WithContext(cassettes.WithSession(req.Context(), session)))
	if err == fault.ErrDropped {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode == 200 && string(got) != body {
		t.Errorf("%s got the body %q, not %q", target, got, body)
	}
	return resp.StatusCode
}

func TestNthCountsWhatMethodAndPathFitInEachSession(t *testing.T) {
	i := injector(t, 1, "nth=3,method=POST,path=/v2/*,status=429", "nth=2,path=/v2/**,status=503")
	for n, step := range []struct {
		session, method, path string
		want                  int
	}{
		{"a", "POST", "/v2/x", 200},
		{"a", "GET", "/v2/x", 503}, // the second for the second rule, none for the first
		{"b", "POST", "/v2/x", 200},
		{"a", "POST", "/v3/x", 200}, // for neither
		{"a", "POST", "/v2/y", 200},
		{"a", "POST", "/v2/z/z", 200}, // not for the first
		{"a", "POST", "/v2/z", 429},
		{"a", "POST", "/v2/z", 200}, // only the third
		{"b", "POST", "/v2/x", 503},
		{"b", "POST", "/v2/x", 429},
	} {
		if got := ask(t, i, step.session, step.method, step.path, "a=1"); got != step.want {
			t.Errorf("step %d: got %d, want %d", n, got, step.want)
		}
	}
}

func TestTheFirstRuleThatHitsDecidesAndTheOthersCountOn(t *testing.T) {
	i := injector(t, 1, "nth=1,drop", "nth=1,status=500", "nth=2,status=503", "path=/other,status=418")
	for n, want := range []int{0, 503, 200} {
		if got := ask(t, i, "", "GET", "/v2", ""); got != want {
			t.Errorf("request %d got %d, want %d", n, got, want)
		}
	}
	if got := ask(t, i, "", "GET", "/other", ""); got != 418 {
		t.Errorf("a rule without rate and nth answers %d", got)
	}
}

func TestAsManyRequestsAreHitAsRateSays(t *testing.T) {
	const requests = 10_000
	for _, rate := range []float64{0.01, 0.1, 0.5, 1} {
		i, hits := injector(t, 1, fmt.Sprintf("rate=%v,drop", rate)), 0
		for n := range requests {
			if ask(t, i, "", "GET", fmt.Sprintf("/v2/%d", n), "") == 0 {
				hits++
			}
		}
		if want := rate * requests; float64(hits) < 0.8*want || float64(hits) > 1.2*want {
			t.Errorf("of %d requests, %v hits %d", requests, rate, hits)
		}
	}
}

// hits says of n equal requests which were hit: "x" for one that was, "." for one that was not.
func hits(t *testing.T, i *fault.Injector, session, target, body string, n int) string {
	var all strings.Builder
	for range n {
		if ask(t, i, session, "POST", target, body) == 0 {
			all.WriteByte('x')
		} else {
			all.WriteByte('.')
		}
	}
	return all.String()
}

func TestWhatRateHitsFollowsFromSeedSessionAndRequest(t *testing.T) {
	first := hits(t, injector(t, 1, "rate=0.5,drop"), "a", "/v2?q=1", "a=1", 64)
	if !strings.Contains(first, "x") || !strings.Contains(first, ".") {
		t.Fatalf("of the same request, it hits %s", first)
	}
	// Whatever comes between.
	i, got := injector(t, 1, "rate=0.5,drop"), ""
	for n := range 64 {
		got += hits(t, i, "a", "/v2?q=1", "a=1", 1)
		hits(t, i, "b", "/v2?q=1", "a=1", n%3)
		hits(t, i, "a", "/v2?q=2", "a=1", n%2)
	}
	if got != first {
		t.Errorf("with others between it hits %s, alone %s", got, first)
	}
	for what, other := range map[string]string{
		"seed":    hits(t, injector(t, 2, "rate=0.5,drop"), "a", "/v2?q=1", "a=1", 64),
		"session": hits(t, injector(t, 1, "rate=0.5,drop"), "b", "/v2?q=1", "a=1", 64),
		"path":    hits(t, injector(t, 1, "rate=0.5,drop"), "a", "/v3?q=1", "a=1", 64),
		"query":   hits(t, injector(t, 1, "rate=0.5,drop"), "a", "/v2?q=2", "a=1", 64),
		"body":    hits(t, injector(t, 1, "rate=0.5,drop"), "a", "/v2?q=1", "a=2", 64),
		"rule":    hits(t, injector(t, 1, "path=/none,drop", "rate=0.5,drop"), "a", "/v2?q=1", "a=1", 64),
	} {
		if other == first {
			t.Errorf("with another %s it hits the same", what)
		}
	}
}

func TestABodyThatCanNotBeReadIsNoFault(t *testing.T) {
	i := injector(t, 1, "drop")
	i.Report.Tell = func(e cassettes.Exchange) { t.Errorf("it is told: %+v", e) }
	req := httptest.NewRequest("POST", "/v2", io.MultiReader(strings.NewReader("a"), broken{}))
	if resp, err := i.RoundTrip(req); resp != nil || err == nil || !strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		t.Errorf("got %v, %v", resp, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestADelayEndsWithItsRequest(t *testing.T) {
	i, told := injector(t, 1, "delay=4m,drop"), ""
	i.Report.Tell = func(e cassettes.Exchange) { told = string(e.Outcome) + ": " + e.Detail }
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if resp, err := i.RoundTrip(httptest.NewRequest("GET", "/v2", nil).WithContext(ctx)); resp != nil || err != context.Canceled {
		t.Errorf("got %v, %v", resp, err)
	}
	if want := `fault: delay 4m0s that the client did not wait for by fault "delay=4m,drop"`; told != want {
		t.Errorf("told %s, want %s", told, want)
	}
}

// inChunks answers with a body of unknown length and a trailer.
type inChunks struct{}

func (inChunks) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Trailer": {"X-Sum"}}, Trailer: http.Header{"X-Sum": {"7"}},
		TransferEncoding: []string{"chunked"}, ContentLength: -1, Body: io.NopCloser(strings.NewReader("0123456"))}, nil
}

func TestATruncatedAnswerTellsTheLengthOfTheWhole(t *testing.T) {
	i := injector(t, 1, "truncate")
	i.Next = inChunks{}
	resp, err := i.RoundTrip(httptest.NewRequest("GET", "/v2", nil))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if string(body) != "012" || err != nil || resp.ContentLength != 7 || resp.TransferEncoding != nil || resp.Trailer != nil {
		t.Errorf("got %q of %d bytes, %v, %v, %v", body, resp.ContentLength, resp.TransferEncoding, resp.Trailer, err)
	}
	if want := (http.Header{"Content-Length": {"7"}, cassettes.OutcomeHeader: {"fault"}}); fmt.Sprint(resp.Header) != fmt.Sprint(want) {
		t.Errorf("its headers are %v, want %v", resp.Header, want)
	}
}
