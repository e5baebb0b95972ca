package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

func TestWhoMayComeIn(t *testing.T) {
	s := replaying(t, &cassette.Interaction{Request: cassette.Request{Method: "POST", URL: "/v2"}, Response: cassette.Response{Code: 200}})
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"by address":             {http.Header{"Host": {"127.0.0.1:4010"}}, 200},
		"by IPv6 address":        {http.Header{"Host": {"[::1]:4010"}}, 200},
		"by localhost":           {http.Header{"Host": {"localhost:4010"}}, 200},
		"by a service's name":    {http.Header{"Host": {"twilio-vcr:4010"}}, 200},
		"by upstream's name":     {http.Header{"Host": {"verify.twilio.com"}}, 200},
		"by a regional name":     {http.Header{"Host": {"verify.dublin.ie1.twilio.com"}}, 200},
		"by a rebound name":      {http.Header{"Host": {"evil.example.com"}}, 403},
		"by a name like it":      {http.Header{"Host": {"verify.twilio.com.example.com"}}, 403},
		"by another API's name":  {http.Header{"Host": {"api.twilio.com"}}, 403},
		"from a page elsewhere":  {http.Header{"Origin": {"https://evil.example.com"}}, 403},
		"from a page of nowhere": {http.Header{"Origin": {"null"}}, 403},
		"from another port":      {http.Header{"Origin": {"http://127.0.0.1:3000"}}, 403},
		"from its own page":      {http.Header{"Origin": {"http://localhost:4010"}, "Host": {"localhost:4010"}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"an image elsewhere":     {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(t, s.URL+"/v2", "", c.header)
			if c.status == 200 && a.StatusCode == 200 {
				return
			}
			twilioError(t, a, c.status)
		})
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	up := upstream(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	recorder, _ := recording(t, up.URL, filepath.Join(t.TempDir(), "c.yaml"))
	for mode, s := range map[string]*stand{
		"replay": replaying(t),
		"record": recorder,
		"passthrough": start(t, up.URL, func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
			return &cassettes.Passthrough{Upstream: proxy.NewUpstream(), Policy: p, Report: report}
		}),
	} {
		t.Run(mode, func(t *testing.T) { refusesBodies(t, s) })
	}
}

func refusesBodies(t *testing.T, s *stand) {
	long := strings.Repeat("x", cassettes.MaxBody+1)
	twilioError(t, post(t, s.URL+"/v2", long, nil), 413)
	got := raw(t, s.Listener.Addr().String(), "POST /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long))
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, `"status":413`) {
		t.Errorf("in chunks, got %.200q", got)
	}
	got = raw(t, s.Listener.Addr().String(), "POST /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, `"status":400`) {
		t.Errorf("nonsense in chunks, got %.200q", got)
	}
}
