package proxy

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestASocketIsNeverReachableByOthers(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	config := net.ListenConfig{Control: ownerOnly} // with no chmod behind it
	l, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("it begins as %v, %v", info.Mode(), err)
	}
}
