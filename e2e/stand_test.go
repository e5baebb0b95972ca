package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the twilio-vcr that is tested; TestMain builds it.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "twilio-vcr-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "twilio-vcr")
	code := 1
	if out, err := exec.Command("go", "build", "-C", "..", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build twilio-vcr: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is a program under test, and all that it has written.
type process struct {
	cmd    *exec.Cmd
	stdout buffer
	stderr buffer
	done   chan error
}

// buffer is a bytes.Buffer for one writer and other readers.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// launch starts a program and ends it with the test, if it has not ended before.
func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// stop ends the program in order and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatalf("%s has not stopped; it said\n%s", p.cmd.Path, p.stderr.String())
		return -1
	}
}

// proxy starts twilio-vcr on a free port, waits until it is ready, and returns its URL.
func proxy(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := launch(t, program, append(args, "--listen", "127.0.0.1:0", "--log-level", "debug")...)
	var url string
	eventually(t, 10*time.Second, func() bool {
		line, err := bufio.NewReader(strings.NewReader(p.stdout.String())).ReadString('\n')
		url = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
		return err == nil
	}, func() string { return "twilio-vcr is not ready: " + p.stderr.String() })
	return p, url
}

// prism starts the stand-in of Twilio on its OpenAPI file, and returns its URL.
func prism(t *testing.T) (*process, string) {
	t.Helper()
	command := environment(t, "PRISM", ".tools/node_modules/.bin/prism", "it is Prism, which .ci/run installs")
	spec := openAPI(t)
	port := freePort(t)
	p := launch(t, command, "mock", "-h", "127.0.0.1", "-p", port, spec)
	url := "http://127.0.0.1:" + port
	eventually(t, time.Minute, func() bool {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}, func() string { return "Prism does not answer: " + p.stdout.String() + p.stderr.String() })
	return p, url
}

// openAPI returns the path of Twilio's OpenAPI file of Verify.
func openAPI(t *testing.T) string {
	t.Helper()
	return environment(t, "TWILIO_OPENAPI", "../../shared/twilio/twilio_verify_v2.json", "it is Twilio's OpenAPI file of Verify, from github.com/twilio/twilio-oai")
}

// environment returns the path that the variable name holds, or the default, which must be there.
func environment(t *testing.T, name, otherwise, what string) string {
	t.Helper()
	path := os.Getenv(name)
	if path == "" {
		path = otherwise
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not there: set the variable %s; %s", path, name, what)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// eventually waits until ok, for limit at most.
func eventually(t *testing.T, limit time.Duration, ok func() bool, complaint func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint())
		}
	}
}

// refusesConnections checks that nothing listens at url any more.
func refusesConnections(t *testing.T, url string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	if err == nil {
		_ = c.Close()
		t.Fatalf("%s still answers", url)
	}
}

// curl runs curl with a clean environment and returns the answer's status line, headers and body.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "curl", append([]string{"--silent", "--show-error", "--include", "--noproxy", "*"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	return string(out)
}

// counting listens and counts the connections that it gets.
type counting struct {
	net.Listener
	mu sync.Mutex
	n  int
}

func countConnections(t *testing.T) *counting {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.n++
			c.mu.Unlock()
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			_ = conn.Close()
		}
	}()
	return c
}

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
