// Package e2e runs the product as its users do: the real binary, with Prism on Twilio's own OpenAPI file in
// the place of Twilio, and with the real SDKs of Twilio and curl as clients.
package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

const (
	service      = "VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	verification = "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	path         = "/v2/Services/" + service + "/Verifications/" + verification
)

// account is a caller of the API.
type account struct{ sid, token string }

var (
	// documented is the account of Twilio's examples, which Prism's answers hold.
	documented = account{"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "0d5ac3e19f7b8264a1c0d5ac3e19f7b8"}
	other      = account{"AC5ef872f6da5a21de157d80997a64bd33", "9c3f1b7e5d2a4806f1e3c5b7a9d80246"}
)

// toProxy sends the SDK's requests to the proxy, and asks Prism for the example that fits.
type toProxy struct{ base *url.URL }

func (p toProxy) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = p.base.Scheme, p.base.Host
	if err := req.ParseForm(); err != nil {
		return nil, err
	}
	form := req.PostForm.Encode()
	req.Body = http.NoBody
	req.ContentLength = 0
	if form != "" {
		req.Body = io.NopCloser(strings.NewReader(form))
		req.ContentLength = int64(len(form))
	}
	if req.PostForm.Get("Status") == "approved" {
		req.Header.Set("Prefer", "example=approveVerificationWithPn")
	}
	return http.DefaultTransport.RoundTrip(req)
}

// update calls Update Verification with twilio-go.
func update(t *testing.T, base string, a account, status string) (*verify.VerifyV2Verification, error) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{Credentials: client.NewCredentials(a.sid, a.token), HTTPClient: &http.Client{Transport: toProxy{u}}}
	c.SetAccountSid(a.sid)
	api := twilio.NewRestClientWithParams(twilio.ClientParams{Client: c}).VerifyV2
	return api.UpdateVerification(service, verification, (&verify.UpdateVerificationParams{}).SetStatus(status))
}

// curlUpdate makes the same call with curl.
func curlUpdate(t *testing.T, base string, a account, status string) string {
	t.Helper()
	args := []string{"--user", a.sid + ":" + a.token, "--data-urlencode", "Status=" + status}
	if status == "approved" {
		args = append(args, "--header", "Prefer: example=approveVerificationWithPn")
	}
	return curl(t, append(args, base+path)...)
}

// answers are what the clients got.
type answers struct {
	SDK  map[string]*verify.VerifyV2Verification
	Errs map[string]string
	Curl map[string]string
}

// ask makes all calls of this test, in the order of statuses.
func ask(t *testing.T, base string, a account, statuses ...string) answers {
	t.Helper()
	got := answers{map[string]*verify.VerifyV2Verification{}, map[string]string{}, map[string]string{}}
	for _, status := range statuses {
		v, err := update(t, base, a, status)
		got.SDK[status] = v
		if err != nil {
			got.Errs[status] = err.Error()
		}
		got.Curl[status] = curlUpdate(t, base, a, status)
	}
	return got
}

func TestRecordThenReplayWithTheUpstreamGone(t *testing.T) {
	for name, a := range map[string]account{"the documented account": documented, "another account": other} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tape := filepath.Join(dir, "tapes", "update.yaml")
			upstream, upstreamURL := prism(t)
			recorder, base := proxy(t, "record", "--upstream", upstreamURL, "--cassette", tape)
			live := ask(t, base, a, "approved", "canceled", "nonsense")
			if code := recorder.stop(t); code != 0 {
				t.Fatalf("the recording ended with exit code %d: %s", code, recorder.stderr.String())
			}
			for status, v := range live.SDK {
				if status != "nonsense" && (v == nil || *v.Status != status) {
					t.Fatalf("the SDK got %+v, %s, for %s", v, live.Errs[status], status)
				}
			}
			if live.Errs["nonsense"] == "" || !strings.HasPrefix(live.Curl["nonsense"], "HTTP/1.1 422 ") {
				t.Errorf("Prism let a wrong Status through: %s", live.Curl["nonsense"])
			}
			if !strings.Contains(recorder.stderr.String(), `summary	{"recorded": 6, "replayed": 0, "missed": 0, "upstream": 6}`) {
				t.Errorf("the summary is wrong: %s", recorder.stderr.String())
			}
			upstream.stop(t)
			refusesConnections(t, upstreamURL)
			checkStock(t, tape)

			player, base := proxy(t, "replay", "--cassette", tape, "--play", "once")
			replayed := ask(t, base, a, "canceled", "nonsense", "approved")
			if code := player.stop(t); code != 0 {
				t.Errorf("the replay ended with exit code %d", code)
			}
			want := fromTape(live, a)
			for status := range want.Curl {
				if replayed.Curl[status] != want.Curl[status] {
					t.Errorf("%s: curl got\n%s, live it was\n%s", status, replayed.Curl[status], want.Curl[status])
				}
			}
			if !reflect.DeepEqual(replayed.SDK, want.SDK) || !reflect.DeepEqual(replayed.Errs, want.Errs) {
				t.Errorf("the SDK got\n%+v, live it was\n%+v", replayed, want)
			}
			files := search(t, dir, a, recorder, player)
			t.Logf("%d answers are the same with the upstream gone, and no credential is in %d files and the output", 2*len(want.Curl), files)
		})
	}
}

// number is the one in Prism's answers.
const number = "+15017122661"

// fromTape returns the answers as a replay gives them to a: the number, which a did not send, is a placeholder,
// and the documented account's SID a pseudonym if it is a stranger's.
func fromTape(live answers, a account) answers {
	replaced := []string{number, "+15005550006"}
	if a != documented {
		replaced = append(replaced, documented.sid, "AC00000000000000000000b288f9282c0f")
	}
	r := strings.NewReplacer(replaced...)
	got := answers{map[string]*verify.VerifyV2Verification{}, live.Errs, map[string]string{}}
	for status, text := range live.Curl {
		got.Curl[status] = r.Replace(text)
	}
	for status, v := range live.SDK {
		if v != nil {
			c, to, sid := *v, r.Replace(*v.To), r.Replace(*v.AccountSid)
			c.To, c.AccountSid = &to, &sid
			v = &c
		}
		got.SDK[status] = v
	}
	return got
}

// checkStock loads tape with stock go-vcr, and checks what is on it.
func checkStock(t *testing.T, tape string) {
	t.Helper()
	c, err := cassette.Load(strings.TrimSuffix(tape, ".yaml"))
	if err != nil {
		t.Fatal("stock go-vcr:", err)
	}
	want := []struct {
		status string
		code   int
	}{{"approved", 200}, {"approved", 200}, {"canceled", 200}, {"canceled", 200}, {"nonsense", 422}, {"nonsense", 422}}
	if len(c.Interactions) != len(want) {
		t.Fatalf("there are %d interactions", len(c.Interactions))
	}
	for i, it := range c.Interactions {
		w := want[i]
		if it.Request.Form.Get("Status") != w.status || it.Request.Body != "Status="+w.status || it.Request.Method != "POST" || it.Response.Code != w.code {
			t.Errorf("interaction %d is %+v", i, it)
		}
		if w.code == 200 && !strings.Contains(it.Response.Body, `"status":"`+w.status+`"`) {
			t.Errorf("interaction %d: the body is %s", i, it.Response.Body)
		}
	}
}

// search looks for the credentials of a in all files below dir and in what the programs have printed. It
// returns how many files there were.
func search(t *testing.T, dir string, a account, programs ...*process) int {
	t.Helper()
	texts := map[string]string{}
	for _, p := range programs {
		texts[strings.Join(p.cmd.Args, " ")] = p.stdout.String() + p.stderr.String()
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		texts[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range texts {
		for _, secret := range []string{a.sid, a.token, number, base64.StdEncoding.EncodeToString([]byte(a.sid + ":" + a.token)), url.QueryEscape(a.sid + ":" + a.token)} {
			if strings.Contains(text, secret) {
				t.Errorf("a credential is in %s", place)
			}
		}
	}
	if files == 0 {
		t.Error("nothing was written")
	}
	return files
}

func TestReplayNeverConnects(t *testing.T) {
	outside := countConnections(t)
	player, base := proxy(t, "replay", "--upstream", "http://"+outside.Addr().String())
	for _, status := range []string{"approved", "canceled", "nonsense"} {
		curlUpdate(t, base, other, status)
	}
	if code := player.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := outside.count(); n != 0 {
		t.Errorf("there were %d connections", n)
	}
}

func TestReplayInANetworkNamespaceWithNothingButLoopback(t *testing.T) {
	if out, err := exec.Command("unshare", "--net", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("this user can't make a network namespace: %v %s", err, out)
	}
	script := fmt.Sprintf(`
ip link set lo up
test "$(ip -o link | wc -l)" = 1 || { echo there is more than lo; exit 1; }
mkfifo ready
%s replay --listen 127.0.0.1:4010 > ready & pid=$!
read -r line < ready
curl --silent --fail --noproxy '*' --user %s:%s --data Status=approved http://127.0.0.1:4010%s
kill $pid; wait $pid`, program, documented.sid, documented.token, path)
	cmd := exec.Command("unshare", "--net", "bash", "-c", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"account_sid": "`+documented.sid+`"`) || !strings.Contains(string(out), `"replayed": 1`) {
		t.Errorf("%v\n%s", err, out)
	}
}
