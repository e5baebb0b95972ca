package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// maxSocketPath is how long the path of a Unix socket may be, in bytes.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// socketWait is how long another process may take to begin to listen in the same folder.
const socketWait = 10 * time.Second

// socket is a listener on a Unix socket that only this user can reach. It removes its file when it is closed, and no
// other that has come to the same place.
type socket struct {
	net.Listener
	file fs.FileInfo
}

// listenUnix takes the place of a socket that nobody serves any more. Whatever else is there stays.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("listen on unix:%s: the path has %d bytes, and that of a Unix socket can have %d; choose a shorter one with --listen", path, len(path), maxSocketPath)
	}
	lock := flock.New(filepath.Dir(path), flock.SetFlag(os.O_RDONLY)) // two that find the same old socket
	ctx, cancel := context.WithTimeout(context.Background(), socketWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 5*time.Millisecond); err != nil {
		return nil, fmt.Errorf("listen on unix:%s: lock its folder: %w; choose another with --listen", path, err)
	}
	defer lock.Close()
	if err := makeWay(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: ownerOnly}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w; choose a path in a folder of yours with --listen", path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = os.Chmod(path, 0o600); err == nil { // where ownerOnly can't see to it
		var file fs.FileInfo
		if file, err = os.Lstat(path); err == nil {
			return &socket{l, file}, nil
		}
	}
	return nil, fmt.Errorf("listen on unix:%s: %w", path, errors.Join(err, l.Close()))
}

// makeWay removes the socket that a killed process has left at path.
func makeWay(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("listen on unix:%s: %w; choose another with --listen", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("listen on unix:%s: there is something that is no socket; it is left alone, choose another path with --listen", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = c.Close() // it was only to see who is there
		fallthrough
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("listen on unix:%s: the socket is in use; stop the program that has it, or choose another with --listen", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listen on unix:%s: remove the socket that nobody serves: %w", path, err)
	}
	return nil
}

func (s *socket) Close() error {
	path := s.Addr().String()
	if file, err := os.Lstat(path); err == nil && os.SameFile(file, s.file) {
		_ = os.Remove(path) // who comes next takes it over
	}
	return s.Listener.Close()
}
