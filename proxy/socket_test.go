package proxy_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/proxy"
)

// abandoned makes a socket as a killed process leaves it.
func abandoned(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASocketIsItsOwnersAndGoesAtTheEnd(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	for _, before := range []func(){func() {}, func() { abandoned(t, path) }} {
		before()
		l, err := proxy.Listen("unix:" + path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("got %v, %v", info.Mode(), err)
		}
		if got := proxy.BaseURL(l); got != "unix:"+path {
			t.Errorf("its URL is %s", got)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

func TestASocketThatHasComeToThePlaceOfOursStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := proxy.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := proxy.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("it was removed:", err)
	}
}

func TestWhatIsAtThePathOfASocketIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	serving, err := proxy.Listen("unix:" + in("serving"))
	if err != nil {
		t.Fatal(err)
	}
	defer serving.Close()
	if err := os.WriteFile(in("file"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	datagrams, err := net.ListenPacket("unixgram", in("datagrams"))
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	abandoned(t, in("old"))
	if err := os.Symlink("old", in("link")); err != nil {
		t.Fatal(err)
	}
	long := in(strings.Repeat("x", 100))
	for path, want := range map[string]string{
		in("serving"):   "listen on unix:" + in("serving") + ": the socket is in use; stop the program that has it, or choose another with --listen",
		in("datagrams"): "the socket is in use",
		in("file"):      "there is something that is no socket; it is left alone",
		in("link"):      "there is something that is no socket; it is left alone",
		dir:             "there is something that is no socket; it is left alone",
		in("nowhere/s"): "no such file or directory; choose another with --listen",
		in("file/s"):    "choose another with --listen",
		long:            " bytes, and that of a Unix socket can have 107; choose a shorter one with --listen",
	} {
		if _, err := proxy.Listen("unix:" + path); err == nil || !strings.HasPrefix(err.Error(), "listen on unix:"+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	if data, err := os.ReadFile(in("file")); err != nil || string(data) != "mine" {
		t.Errorf("the file is %q, %v", data, err)
	}
	for _, name := range []string{"link", "datagrams", "serving"} {
		if _, err := os.Lstat(in(name)); err != nil {
			t.Error(err)
		}
	}
	longest := filepath.Join(dir, strings.Repeat("x", 107-len(dir)-1))
	l, err := proxy.Listen("unix:" + longest)
	if err != nil {
		t.Fatal("a path of 107 bytes:", err)
	}
	l.Close()
}

func TestOneOfManyTakesOverASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	abandoned(t, path)
	var wg sync.WaitGroup
	var taken atomic.Int64
	for range 30 {
		wg.Go(func() {
			l, err := proxy.Listen("unix:" + path)
			if err == nil {
				taken.Add(1)
				t.Cleanup(func() { l.Close() })
			} else if !strings.Contains(err.Error(), "the socket is in use") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("%d have it", n)
	}
}
