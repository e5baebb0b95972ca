package proxy_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy"
)

func TestACompressedAnswerIsReadableOnTheTapeAndUntouchedForTheClient(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"status": "approved"}`)
	_ = z.Close()
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Accept-Encoding"] != nil {
			t.Error("upstream was asked for", r.Header["Accept-Encoding"])
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	file := filepath.Join(t.TempDir(), "c.yaml")
	s, w := recording(t, up.URL, file)
	resp := post(t, s.URL+"/v2", "Status=approved", http.Header{"Accept-Encoding": {"gzip"}})
	if resp.body != packed.String() || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the client got %q with %v", resp.body, resp.Header)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tape, err := cassettes.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	r := tape.Interactions[0].Response
	if r.Body != `{"status": "approved"}` || r.Headers["Content-Encoding"] != nil || r.ContentLength != 22 || r.Headers.Get("Content-Length") != "22" || !r.Uncompressed {
		t.Errorf("on the tape is %+v", r)
	}
	if form := tape.Interactions[0].Request.Form; form.Get("Status") != "approved" {
		t.Errorf("the form on the tape is %v", form)
	}
}

func TestAnUpstreamThatFailsGivesATwilioErrorAndIsNotRecorded(t *testing.T) {
	slow := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or net/http does not notice that the client leaves
		<-r.Context().Done()
	})
	closed := upstream(t, nil)
	closed.Close()
	for name, c := range map[string]struct {
		upstream, want string
		status         int
	}{
		"unreachable":             {closed.URL, "can't be reached: connection refused", 502},
		"unknown name":            {"http://upstream..invalid", "can't be resolved", 502},
		"too slow":                {slow.URL, "did not answer in time", 504},
		"too slow with the body":  {dumbSlow(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ns3cr3t"), "did not answer in time", 504},
		"no answer":               {dumb(t, ""), "broke off", 502},
		"half a body":             {dumb(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ns3cr3t"), "broke off", 502},
		"half a chunk":            {dumb(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ns3cr3t"), "broke off", 502},
		"a chunk of nonsense":     {dumb(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cr3t\r\n"), "no valid HTTP", 502},
		"not HTTP":                {dumb(t, "s3cr3t s3cr3t s3cr3t\r\n\r\n"), "no valid HTTP", 502},
		"a header of nonsense":    {dumb(t, "HTTP/1.1 200 OK\r\ns3cr3t\r\n\r\n"), "no valid HTTP", 502},
		"a status of nonsense":    {dumb(t, "HTTP/1.1 s3cr3t OK\r\n\r\n"), "no valid HTTP", 502},
		"two lengths":             {dumb(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 77\r\n\r\ns3cr3t"), "no valid HTTP", 502},
		"TLS where there is none": {strings.Replace(dumb(t, "HTTP/1.1 200 OK\r\n\r\n"), "http://", "https://", 1), "upstream", 502},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			s, w := recording(t, c.upstream, file)
			a := post(t, s.URL+"/v2", "Status=approved", nil)
			if message := twilioError(t, a, c.status); !strings.Contains(message, c.want) {
				t.Errorf("the message is %q, want %q", message, c.want)
			}
			for _, line := range s.logs.All() {
				if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "s3cr3t") {
					t.Error("the log quotes upstream:", text)
				}
			}
			if strings.Contains(a.body, "s3cr3t") {
				t.Error("the answer quotes upstream:", a.body)
			}
			if notice, err := w.Close(); err != nil || !strings.Contains(notice, "nothing was recorded") {
				t.Errorf("the tape: %q, %v", notice, err)
			}
			if s.journal.Count(cassettes.Failed) != 1 {
				t.Error("it was not counted")
			}
		})
	}
}

// dumbSlow writes the beginning of an answer and then nothing, for 5 s at most.
func dumbSlow(t *testing.T, beginning string) string {
	return upstream(t, func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, beginning)
		t.Cleanup(func() { c.Close() })
	}).URL
}

func TestACallIsFinishedAndRecordedWhenItsClientHasGoneAway(t *testing.T) {
	called, finish := make(chan bool), make(chan bool)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		called <- true
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	file := filepath.Join(t.TempDir(), "c.yaml")
	s, w := recording(t, up.URL, file)
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/v2", strings.NewReader("a=1"))
	gone := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(req)
		gone <- err
	}()
	<-called
	leave()
	if err := <-gone; err == nil {
		t.Fatal("the client has not gone away")
	}
	time.Sleep(50 * time.Millisecond) // so that the server notices
	finish <- true
	s.Close() // waits for the handler
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tape, err := cassettes.Load(file)
	if err != nil || len(tape.Interactions) != 1 || tape.Interactions[0].Response.Body != "done" {
		t.Errorf("on the tape is %+v, %v", tape, err)
	}
}

func TestABodyThatCanNotBeDecodedIsNotRecorded(t *testing.T) {
	for name, encoding := range map[string]string{"unknown": "br", "not what it says": "gzip", "unknown inside": "br, gzip"} {
		t.Run(name, func(t *testing.T) {
			up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", encoding)
				_, _ = io.WriteString(w, "\x1f\x8bs3cr3t")
			})
			s, w := recording(t, up.URL, filepath.Join(t.TempDir(), "c.yaml"))
			if a := post(t, s.URL+"/v2", "", nil); a.body != "\x1f\x8bs3cr3t" || a.StatusCode != 200 {
				t.Errorf("the client got %q", a.body)
			}
			if notice, _ := w.Close(); !strings.Contains(notice, "nothing was recorded") {
				t.Error("it was recorded")
			}
			if s.journal.Count(cassettes.Unrecorded) != 1 {
				t.Error("it was not said")
			}
		})
	}
}

func TestAnAnswerOverTheLimitGoesToTheClientAndNotToTheTape(t *testing.T) {
	long := strings.Repeat("x", cassettes.MaxBody+5)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, long) })
	s, w := recording(t, up.URL, filepath.Join(t.TempDir(), "c.yaml"))
	if a := post(t, s.URL+"/v2", "", nil); a.body != long {
		t.Errorf("the client got %d bytes", len(a.body))
	}
	if notice, _ := w.Close(); !strings.Contains(notice, "nothing was recorded") || s.journal.Count(cassettes.Unrecorded) != 1 {
		t.Error("it was recorded, or not said")
	}
}

func TestAnAnswerThatBreaksOffIsPassedOnAsSuchAndNotQuoted(t *testing.T) {
	up := dumb(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ns3cr3t\r\n\r\n")
	s := start(t, up, func(p *redact.Policy, report cassettes.Report) http.RoundTripper {
		return &cassettes.Passthrough{Upstream: proxy.NewUpstream(), Policy: p, Report: report}
	})
	got := raw(t, s.Listener.Addr().String(), "GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if !strings.HasSuffix(got, "2\r\nok\r\n") {
		t.Errorf("the client got %q", got)
	}
	if s.logs.FilterMessage("an answer of upstream broke off after its beginning was passed on").Len() != 1 {
		t.Error("it was not said")
	}
	for _, line := range s.logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "s3cr3t") {
			t.Error("the log quotes upstream:", text)
		}
	}
}
