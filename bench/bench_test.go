// Package bench measures replaying and recording as a client sees them, over loopback, beside the least
// that the same work costs in net/http. Compare the figures of one run only: machines are noisy.
//
//	go test -run '^$' -bench . ./bench
package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy"
)

// connections is how many clients there are at once.
const connections = 32

const service = "/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/"

// load answers with h and measures a request of a client that has many connections.
func load(b *testing.B, h http.Handler) {
	s := httptest.NewServer(h)
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	b.SetParallelism(connections / 2) // times GOMAXPROCS, which is 2 on the machine of the README
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := update(client, s.URL, "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func update(client *http.Client, base, sid string) error {
	req, err := http.NewRequest("POST", base+service+sid, strings.NewReader("Status=approved"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("AC0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// approved is the answer of the built-in example.
func approved(b *testing.B) *cassette.Interaction {
	c, err := cassettes.Example()
	if err != nil {
		b.Fatal(err)
	}
	return c.Interactions[0]
}

// canned answers from memory and does nothing else.
type canned struct{ it *cassette.Interaction }

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	r := &c.it.Response
	return &http.Response{
		StatusCode: r.Code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.Headers.Clone(),
		Body: io.NopCloser(strings.NewReader(r.Body)), ContentLength: int64(len(r.Body)), Request: req,
	}, nil
}

type buffers struct{ pool sync.Pool }

func (p *buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

func (p *buffers) Put(b []byte) { p.pool.Put(&b) }

var upstream = &url.URL{Scheme: "http", Host: "upstream.internal"}

func BenchmarkAnswer(b *testing.B) {
	b.Run("net-http", func(b *testing.B) {
		it := approved(b)
		load(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range it.Response.Headers {
				w.Header()[k] = v
			}
			_, _ = io.WriteString(w, it.Response.Body)
		}))
	})
	b.Run("bare-ReverseProxy", func(b *testing.B) {
		load(b, &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
			Transport:  canned{approved(b)},
			BufferPool: &buffers{},
		})
	})
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("replay-of-%d", n), func(b *testing.B) {
			load(b, proxy.New(player(b, n), upstream, &redact.Policy{}, proxy.NewJournal(zap.NewNop())))
		})
	}
}

// player replays n interactions, as the program does; the one that is asked for is in the middle.
func player(b *testing.B, n int) *cassettes.Sessions {
	c := &cassettes.Cassette{File: "bench.yaml"}
	first := approved(b)
	for i := range n {
		it := *first
		it.ID = i
		if i != n/2 {
			it.Request.URL = fmt.Sprintf("https://verify.twilio.com%sVE%032x", service, i)
		}
		c.Interactions = append(c.Interactions, &it)
	}
	policy := &redact.Policy{}
	deck := cassettes.Deck{Policy: policy, Play: cassettes.PlayLast}
	return &cassettes.Sessions{Default: deck.Replay(c, cassettes.Match{}), Policy: policy}
}

// BenchmarkRecord measures a call with and without recording it, sync and all.
func BenchmarkRecord(b *testing.B) {
	policy := &redact.Policy{}
	b.Run("passthrough", func(b *testing.B) {
		load(b, proxy.New(&cassettes.Passthrough{Upstream: canned{approved(b)}, Policy: policy}, upstream, policy, proxy.NewJournal(zap.NewNop())))
	})
	b.Run("record", func(b *testing.B) {
		w, err := cassettes.Create(filepath.Join(b.TempDir(), "bench.yaml"))
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		load(b, proxy.New(&cassettes.Recorder{Upstream: canned{approved(b)}, Writer: w, Policy: policy}, upstream, policy, proxy.NewJournal(zap.NewNop())))
	})
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 1000} {
		name := filepath.Join(b.TempDir(), "load")
		w, err := cassettes.Create(name + ".yaml")
		if err != nil {
			b.Fatal(err)
		}
		it := approved(b)
		for range n {
			if _, err := w.Append(it, func(string) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("stock-%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := cassette.Load(name); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("ours-%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := cassettes.Load(name + ".yaml"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
