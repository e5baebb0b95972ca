package e2e

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hopByHop are the headers that say something of one connection, and that no proxy passes on. Source: RFC 9110,
// section 7.6.1. Those that Connection names are too.
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// replaysAsItStands replays the cassette name.yaml, makes the calls that are on it in their order, and compares
// each answer with what stock go-vcr reads. It returns how many there are.
func replaysAsItStands(t *testing.T, vcr *goVCR, name string) int {
	t.Helper()
	interactions, err := vcr.load(name)
	if err != nil {
		t.Fatal(err)
	}
	player, base := proxy(t, "replay", "--cassette", name+".yaml", "--play", "once")
	client := &http.Transport{DisableCompression: true} // which follows no redirects either
	defer client.CloseIdleConnections()
	for i, it := range interactions {
		u, err := url.Parse(it.Request.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.Scheme, u.Host = "", ""
		resp, body, err := send(client, base, it.Request.Method, u.String(), it.Request.Headers, it.Request.Body)
		if err != nil {
			t.Errorf("%s: interaction %d: %v", name, i, err)
			continue
		}
		if resp.StatusCode != it.Response.Code {
			t.Errorf("%s: interaction %d: status %d, want %d: %s", name, i, resp.StatusCode, it.Response.Code, body)
			continue
		}
		if body != it.Response.Body {
			t.Errorf("%s: interaction %d: body %.100q, want %.100q", name, i, body, it.Response.Body)
		}
		if got, want := resp.Header, wantedHeader(it.Response.Headers, it.Request.Method, it.Response.Code, resp.Header, body); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: interaction %d: header %q, want %q", name, i, got, want)
		}
		if got, want := resp.Trailer, it.Response.Trailer; !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: interaction %d: trailer %q, want %q", name, i, got, want)
		}
	}
	if code := player.stop(t); code != 0 {
		t.Errorf("%s: the replay ended with exit code %d: %s", name, code, player.stderr.String())
	}
	return len(interactions)
}

// wantedHeader returns what of a recorded header a client must get, in which the answer it got has a part in one
// place only: the length of a body.
func wantedHeader(recorded http.Header, method string, code int, got http.Header, body string) http.Header {
	want := recorded.Clone()
	if want == nil {
		want = http.Header{}
	}
	for _, value := range recorded["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			want.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		want.Del(name)
	}
	noBody := method == http.MethodHead || code == http.StatusNoContent || code == http.StatusNotModified
	length := []string{strconv.Itoa(len(body))}
	switch {
	case noBody: // the length that was told is that of a body that is not sent
	case recorded["Content-Length"] != nil:
		want["Content-Length"] = length // of the body on the tape, whatever was told
	case got["Content-Length"] != nil:
		want["Content-Length"] = length // net/http tells that of a short body that it did not have to send in chunks
	}
	return want
}
