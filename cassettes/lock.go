package cassettes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// lock makes the holder the only writer of a cassette, among all processes.
//
// It is a file beside the cassette, which stays in place when the cassette is replaced, and which the
// holder removes at the end. A file that a killed process left behind locks nobody out.
type lock struct{ *flock.Flock }

const lockSuffix = ".lock"

// lockCassette takes the lock of file, or says who can't have it.
func lockCassette(file string) (*lock, error) {
	path := file + lockSuffix
	for {
		l := &lock{flock.New(path, flock.SetPermissions(0o600))}
		ok, err := l.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock the cassette %s: %w; make its folder writable, or name another place with --cassette", file, err)
		}
		if !ok {
			return nil, fmt.Errorf("another process or session is recording to %s: stop it, or record to another file", file)
		}
		if l.inPlace() {
			return l, nil
		}
		_ = l.Close() // its last holder removed the file in between: lock the new one
	}
}

// inPlace reports whether the file that is locked is still the one beside the cassette.
func (l *lock) inPlace() bool {
	held, err := l.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.Path())
	return err == nil && os.SameFile(held, there)
}

func (l *lock) release() error {
	err := os.Remove(l.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.Close())
}
