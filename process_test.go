package main

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// process is the running program.
type process struct {
	cmd    *exec.Cmd
	url    string
	stdout *bufio.Reader
	stderr bytes.Buffer // to be read when it has ended
}

// start runs "twilio-vcr ARGS..." on a free port and waits until it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command("twilio-vcr", append(args, "--listen", "127.0.0.1:0")...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := p.stdout.ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ready {
		_ = cmd.Wait()
		t.Fatalf("not ready: %q, %v\n%s", line, err, &p.stderr)
	}
	p.url = url
	return p
}

// end sends sig, waits, and returns the exit code. Nothing but the ready line may be on standard output.
func (p *process) end(t *testing.T, sig syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(p.stdout)
	if len(rest) > 0 {
		t.Errorf("standard output has %q too", rest)
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// call sends an update with a form and returns the status and the whole body. It does not follow redirects.
func call(base, form string, authorize func(*http.Request)) (int, string, error) {
	req, err := http.NewRequest("POST", base+"/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", strings.NewReader(form))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("AC0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210")
	if authorize != nil {
		authorize(req)
	}
	return send(req)
}

// send sends req on a connection of its own and returns the status and the whole body.
func send(req *http.Request) (int, string, error) {
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// mustCall is call for a test that needs an answer.
func mustCall(t *testing.T, base, form string) (int, string) {
	t.Helper()
	status, body, err := call(base, form, nil)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

// echoServer answers each form with itself as JSON, and counts.
func echoServer(t *testing.T) (*httptest.Server, *atomic.Int64) {
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		form, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"echo": %q}`, form)
	}))
	t.Cleanup(s.Close)
	return s, &calls
}

// onTape returns the answers on a tape by their forms, after checking that stock go-vcr and we read the same.
func onTape(t *testing.T, tape string) map[string]string {
	t.Helper()
	stock, err := cassette.Load(strings.TrimSuffix(tape, ".yaml"))
	if err != nil {
		t.Fatal("stock go-vcr:", err)
	}
	ours, err := cassettes.Load(tape)
	if err != nil {
		t.Fatal(err)
	}
	if len(stock.Interactions) != len(ours.Interactions) {
		t.Fatalf("stock go-vcr reads %d interactions, we read %d", len(stock.Interactions), len(ours.Interactions))
	}
	answers := map[string]string{}
	for i, it := range stock.Interactions {
		if o := ours.Interactions[i]; it.ID != i || it.Request.Body != o.Request.Body || it.Response.Body != o.Response.Body {
			t.Fatalf("interaction %d: stock go-vcr reads %+v, we read %+v", i, it, o)
		}
		answers[it.Request.Body] = it.Response.Body
	}
	return answers
}

func TestManyClientsReplayTheSame(t *testing.T) {
	p := start(t, "replay", "--log-level", "error")
	_, want := mustCall(t, p.url, "Status=approved")
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 10 {
				if status, body, err := call(p.url, "Status=approved", nil); err != nil || status != 200 || body != want {
					t.Errorf("got %d %q, %v", status, body, err)
				}
			}
		})
	}
	wg.Wait()
	if code := p.end(t, syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.stderr)
	}
}

func TestAFullDiskLeavesACassetteThatIsRedactedAsItWas(t *testing.T) {
	upstream, _ := echoServer(t)
	dir := t.TempDir()
	tape := filepath.Join(dir, "c.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL)
	for i := range 12 {
		mustCall(t, p.url, fmt.Sprintf("Status=approved&Note=jane-%d", i))
	}
	p.end(t, syscall.SIGTERM)
	before := readAll(t, tape)
	settings := filepath.Join(dir, "settings.yaml")
	if err := os.WriteFile(settings, []byte("redact: {fields: [Note]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -f 20; exec twilio-vcr "$@"`, "sh", "cassette", "redact", "--config", settings, tape)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "it is as it was before") {
		t.Errorf("%v: %s", err, out)
	}
	if readAll(t, tape) != before {
		t.Error("the cassette has changed")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("there are %v, %v", files, err)
	}
}

func TestAFullDiskStopsTheRecordingBeforeUpstreamIsCalled(t *testing.T) {
	upstream, calls := echoServer(t)
	tape := filepath.Join(t.TempDir(), "full.yaml")
	// A limit on the size of files, in blocks of 512 bytes, is as good as a full disk.
	p := startCommand(t, exec.Command("sh", "-c", `ulimit -f 20; exec twilio-vcr "$@"`, "sh", "record", "--cassette", tape, "--upstream", upstream.URL, "--listen", "127.0.0.1:0"))
	kept := map[string]string{}
	var last string
	for i := 0; ; i++ {
		if i == 100 {
			t.Fatal("the disk does not get full")
		}
		before := calls.Load()
		last = fmt.Sprintf("n=%d", i)
		status, body := mustCall(t, p.url, last)
		if status == http.StatusServiceUnavailable {
			if calls.Load() != before {
				t.Error("upstream was called")
			}
			if !strings.Contains(body, `"status":503`) || !strings.Contains(body, "file too large") {
				t.Errorf("the answer is %s", body)
			}
			break
		}
		if status != 200 || body != fmt.Sprintf(`{"echo": %q}`, last) {
			t.Fatalf("got %d %s", status, body)
		}
		kept[last] = body
	}
	if code := p.end(t, syscall.SIGTERM); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	recorded := onTape(t, tape)
	if missing := len(kept) - len(recorded); missing != 1 || len(recorded) < 2 {
		t.Errorf("of %d answered calls %d are on the tape", len(kept), len(recorded))
	}
	if log := p.stderr.String(); !strings.Contains(log, "unrecorded") || !strings.Contains(log, "write to the cassette "+tape) {
		t.Errorf("the log does not say so: %s", log)
	}
}

func TestAStopWaitsForTheCallInFlight(t *testing.T) {
	called := make(chan bool)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- true
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "late")
	}))
	defer upstream.Close()
	tape := filepath.Join(t.TempDir(), "new", "folder", "stop.yaml")
	p := start(t, "record", "--cassette", tape, "--upstream", upstream.URL)
	got := make(chan string)
	go func() {
		_, body, _ := call(p.url, "a=1", nil)
		got <- body
	}()
	<-called
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "late" {
		t.Errorf("the client got %q", body)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if log := p.stderr.String(); !strings.Contains(log, `summary	{"recorded": 1, "replayed": 0, "missed": 0, "upstream": 1}`) {
		t.Errorf("the summary is wrong: %s", log)
	}
	if len(onTape(t, tape)) != 1 {
		t.Error("it is not on the tape")
	}
	for path, want := range map[string]os.FileMode{tape: 0o600, filepath.Dir(tape): 0o700 | os.ModeDir, filepath.Dir(filepath.Dir(tape)): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestTheSecondWriterIsRefused(t *testing.T) {
	upstream, _ := echoServer(t)
	tape := filepath.Join(t.TempDir(), "one.yaml")
	first := start(t, "record", "--cassette", tape, "--upstream", upstream.URL)
	mustCall(t, first.url, "n=1")
	for _, args := range [][]string{{"record", "--append"}, {"record", "--overwrite"}, {"auto"}} {
		out, err := exec.Command("twilio-vcr", append(args, "--cassette", tape, "--listen", "127.0.0.1:0")...).CombinedOutput()
		var exit *exec.ExitError
		if want := "twilio-vcr: another process or session is recording to " + tape + ": stop it, or record to another file\n"; !errors.As(err, &exit) || exit.ExitCode() != 1 || string(out) != want {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	mustCall(t, first.url, "n=2")
	if code := first.end(t, syscall.SIGTERM); code != 0 || len(onTape(t, tape)) != 2 {
		t.Errorf("the first was disturbed: exit code %d, %s", code, &first.stderr)
	}
}

func TestAutoRecordsWhatIsMissingAndReplaysTheRest(t *testing.T) {
	upstream, calls := echoServer(t)
	tape := filepath.Join(t.TempDir(), "auto.yaml")
	for run, want := range []int64{2, 3} {
		p := start(t, "auto", "--cassette", tape, "--upstream", upstream.URL)
		for _, form := range []string{"n=1", "n=2", "n=1", fmt.Sprintf("n=%d", run+1)} {
			mustCall(t, p.url, form)
		}
		if run == 1 {
			mustCall(t, p.url, "n=3")
		}
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d: %s", code, &p.stderr)
		}
		if got := calls.Load(); got != want {
			t.Errorf("after run %d upstream was called %d times, want %d", run, got, want)
		}
	}
	if n := len(onTape(t, tape)); n != 3 {
		t.Errorf("%d are on the tape", n)
	}
}

func TestAPortInUseIsSaidAndLeavesNothingBehind(t *testing.T) {
	p := start(t, "replay")
	dir := t.TempDir()
	out, err := exec.Command("twilio-vcr", "record", "--cassette", filepath.Join(dir, "c.yaml"), "--listen", strings.TrimPrefix(p.url, "http://")).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "the port is in use; stop the program that has it") {
		t.Errorf("%v %s", err, out)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestUpstreamIsCalledOverTLSThatIsVerified(t *testing.T) {
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"proto": %q}`, r.Proto)
	}))
	upstream.EnableHTTP2 = true
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0) // it says that its certificate is refused
	upstream.StartTLS()
	defer upstream.Close()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		ca     string
		status int
		body   string
	}{
		"trusted":     {ca, 200, `{"proto": "HTTP/2.0"}`},
		"not trusted": {os.DevNull, 502, "is not trusted; if it is your own, add its CA to the file that SSL_CERT_FILE names"},
	} {
		tape := filepath.Join(dir, name+".yaml")
		cmd := exec.Command("twilio-vcr", "record", "--cassette", tape, "--upstream", upstream.URL, "--listen", "127.0.0.1:0")
		cmd.Env = append(cmd.Environ(), "SSL_CERT_FILE="+want.ca, "SSL_CERT_DIR="+t.TempDir())
		p := startCommand(t, cmd)
		status, body := mustCall(t, p.url, "a=1")
		if status != want.status || !strings.Contains(body, want.body) {
			t.Errorf("%s: got %d %s", name, status, body)
		}
		p.end(t, syscall.SIGTERM)
		if want.status == 200 && onTape(t, tape)["a=1"] != want.body {
			t.Errorf("on the tape is %v", onTape(t, tape))
		}
	}
}
