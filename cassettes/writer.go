package cassettes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// Writer adds interactions to the end of a cassette. Whatever Append has returned for is on the disk.
//
// When something can't be written, nothing more is: every later Append fails, and Err says why. It is
// safe for concurrent use. There is one Writer of a file at a time, among all processes.
type Writer struct {
	file string // the cassette
	lock *lock
	// limit is how large the cassette may become, in bytes: what is larger could not be replayed.
	limit int64

	mu       sync.Mutex
	f        *os.File // the cassette, or with Overwrite what will take its place
	layout   layout
	count    int   // interactions in f
	recorded int   // those of this run
	err      error // why nothing more can be written
	closed   bool

	made     bool // f was made by this run
	replaces bool // f takes the place of file when all has gone well
}

// Create makes a new cassette. An existing one is an error that wraps fs.ErrExist.
func Create(file string) (*Writer, error) {
	return open(file, func() (*Writer, error) { return create(file) })
}

// Overwrite makes a cassette that takes the place of an existing one when it is closed, if something was
// recorded and all of it could be written. Until then the new one is FILE.new.
func Overwrite(file string) (*Writer, error) {
	return open(file, func() (*Writer, error) {
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			return create(file)
		}
		if err := setAside(file + newSuffix); err != nil {
			return nil, err
		}
		w, err := create(file + newSuffix)
		if err == nil {
			w.replaces = true
		}
		return w, err
	})
}

// Append goes on with a cassette, which it also returns, or makes a new one. An interaction that was cut
// off at its end is moved to FILE.torn-TIME first, and a notice of the cassette says so.
func Append(file string) (*Writer, *Cassette, error) {
	var c *Cassette
	w, err := open(file, func() (*Writer, error) {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			c = &Cassette{File: file}
			return create(file)
		}
		if err != nil {
			return nil, err
		}
		w := &Writer{f: f}
		c, err = w.resume(file)
		if err != nil {
			_ = f.Close() // nothing was written
		}
		return w, err
	})
	return w, c, err
}

const newSuffix = ".new"

// open makes the folder, takes the lock and calls start.
func open(file string, start func() (*Writer, error)) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make the cassette folder %s: %w; name another place with --cassette", filepath.Dir(file), reason(err))
	}
	l, err := lockCassette(file)
	if err != nil {
		return nil, err
	}
	w, err := start()
	if err != nil {
		_ = l.release() // the first error is the one to tell
		return nil, fmt.Errorf("open a cassette for recording: %w", err)
	}
	w.file, w.lock, w.limit = file, l, maxCassette
	return w, nil
}

func create(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, layout: layout{dash: stockDash, end: int64(len(header)), marked: true}, made: true}
	if _, err := f.WriteAt([]byte(header), 0); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	if err := errors.Join(f.Sync(), syncFolder(path)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return w, nil
}

// resume reads what w.f holds and prepares to go on behind it.
func (w *Writer) resume(file string) (*Cassette, error) {
	c, err := read(file, w.f)
	if err != nil {
		return nil, err
	}
	if c.layout.odd {
		return nil, fmt.Errorf("%s: its interactions are not laid out as go-vcr writes them, so none can be added; record to another file, or replace it with --overwrite", file)
	}
	w.layout, w.count = c.layout, len(c.Interactions)
	if w.layout.torn {
		torn, err := w.cutTorn(file)
		if err != nil {
			return nil, err
		}
		c.Notices = append(c.Notices, fmt.Sprintf("%s: what was cut off is kept in %s", file, torn))
	}
	return c, nil
}

// cutTorn moves what is behind the last whole interaction into a file of its own.
func (w *Writer) cutTorn(file string) (string, error) {
	info, err := w.f.Stat()
	if err != nil {
		return "", err
	}
	torn := file + ".torn-" + time.Now().UTC().Format("20060102T150405.000")
	out, err := os.OpenFile(torn, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("keep what was cut off: %w", err)
	}
	_, err = io.Copy(out, io.NewSectionReader(w.f, w.layout.end, info.Size()-w.layout.end))
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", fmt.Errorf("keep what was cut off: %w", err)
	}
	return torn, w.f.Truncate(w.layout.end)
}

// Append writes it behind the last interaction, syncs the file, and returns the number that it got.
// Before that it gives check the very bytes, and if check fails it writes nothing and returns its error.
func (w *Writer) Append(it *cassette.Interaction, check func(string) error) (int, error) {
	return w.append(it, time.Now(), check)
}

// append is Append for an interaction that was recorded at a time.
func (w *Writer) append(it *cassette.Interaction, at time.Time, check func(string) error) (int, error) {
	rest, err := encode(it, w.layout.dash)
	if err != nil {
		return 0, err
	}
	if err := check(string(rest)); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	it.ID = w.count
	if err := w.write(rest, at); err != nil {
		w.err = fmt.Errorf("write to the cassette %s: %w", w.path(), reason(err))
		return 0, w.err
	}
	w.count++
	w.recorded++
	return it.ID, nil
}

// write puts rest, the lines of interaction number w.count but for the first, into the file, with the time at
// which it was recorded.
func (w *Writer) write(rest []byte, at time.Time) error {
	var chunk []byte
	if w.layout.line {
		chunk = append(chunk, '\n')
	}
	separator := int64(len(chunk))
	chunk = append(chunk, pending+"\n"...)
	chunk = append(chunk, item(w.layout.dash, w.count, rest, at)...)
	if w.layout.end+int64(len(chunk)+len(magic)+len(endMark(w.count+1))+2) > w.limit { // with what else is to be written
		return fmt.Errorf("it would be larger than %s, and could not be replayed; record what follows to another file", gibibytes(w.limit))
	}
	if !w.layout.marked {
		if err := w.adopt(); err != nil {
			return err
		}
	}
	if w.layout.stale > 0 {
		if _, err := w.f.WriteAt([]byte(staleEnd), w.layout.stale); err != nil {
			return err
		}
		w.layout.stale = 0
	}
	separator += w.layout.end
	if _, err := w.f.WriteAt(chunk, w.layout.end); err != nil {
		_ = w.f.Truncate(w.layout.end) // what stands there is after the end of the document anyway
		return err
	}
	if _, err := w.f.WriteAt([]byte(committed), separator); err != nil {
		return err
	}
	w.layout.end += int64(len(chunk))
	w.layout.line = false
	return w.f.Sync()
}

// adopt puts our first line before a cassette of go-vcr's, so that from now on its end is guarded.
func (w *Writer) adopt() error {
	old, path := w.f, w.file
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if err := setAside(path + newSuffix); err != nil {
		return err
	}
	f, err := os.OpenFile(path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	skipped, err := byteOrderMarkOf(old) // it can stand at the beginning only
	if err == nil {
		_, err = io.WriteString(f, magic+"\n")
	}
	if err == nil {
		_, err = io.Copy(f, io.NewSectionReader(old, skipped, info.Size()-skipped))
	}
	if err := errors.Join(err, f.Sync()); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path+newSuffix))
	}
	if err := errors.Join(os.Rename(path+newSuffix, path), syncFolder(path)); err != nil {
		return errors.Join(err, f.Close())
	}
	w.f = f
	w.layout.marked = true
	w.layout.end += int64(len(magic)+1) - skipped
	return old.Close()
}

// byteOrderMarkOf returns the length of the byte order mark that f begins with, or 0.
func byteOrderMarkOf(f *os.File) (int64, error) {
	start := make([]byte, len(byteOrderMark))
	if _, err := f.ReadAt(start, 0); err != nil && err != io.EOF {
		return 0, err
	}
	if !bytes.Equal(start, byteOrderMark) {
		return 0, nil
	}
	return int64(len(byteOrderMark)), nil
}

// path returns where the interactions are.
func (w *Writer) path() string {
	if w.replaces {
		return w.file + newSuffix
	}
	return w.file
}

// Err returns why nothing more can be written, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends the recording in order: it writes the end mark, and with Overwrite puts the new cassette in
// the place of the old one. A cassette that was made new and got no interaction is removed. It returns a
// notice for the user, or "", and does nothing when it is called again.
func (w *Writer) Close() (notice string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return "", nil
	}
	w.closed = true
	path := w.path()
	switch {
	case w.err != nil:
		if w.replaces {
			notice = fmt.Sprintf("%s is as it was before; what could be recorded is in %s", w.file, path)
		}
		err = w.f.Close()
	case w.made && w.count == 0:
		notice = fmt.Sprintf("nothing was recorded: %s was not written", w.file)
		if w.replaces {
			notice = fmt.Sprintf("nothing was recorded: %s is as it was before", w.file)
		}
		err = errors.Join(w.f.Close(), os.Remove(path))
	case w.recorded == 0 && (w.layout.ended || !w.layout.marked || w.count == 0):
		err = w.f.Close()
	default:
		err = w.finish()
	}
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("close the cassette %s: %w", path, reason(err))
	} else {
		err = nil
	}
	return notice, errors.Join(w.err, w.lock.release())
}

// abandon ends the recording, and leaves what it would have replaced as it is.
func (w *Writer) abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return errors.Join(w.f.Close(), os.Remove(w.f.Name()), w.lock.release())
}

// finish writes the end mark and puts the file in its place.
func (w *Writer) finish() error {
	mark := endMark(w.count) + "\n"
	if w.layout.line {
		mark = "\n" + mark
	}
	_, err := w.f.WriteAt([]byte(mark), w.layout.end)
	if err == nil {
		err = w.f.Truncate(w.layout.end + int64(len(mark)))
	}
	if err := errors.Join(err, w.f.Sync(), w.f.Close()); err != nil {
		return err
	}
	if !w.replaces {
		return nil
	}
	return errors.Join(os.Rename(w.f.Name(), w.file), syncFolder(w.file))
}

// setAside moves what an interrupted run left at path to a name that is free.
func setAside(path string) error {
	err := os.Rename(path, path+"-"+time.Now().UTC().Format("20060102T150405.000"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncFolder makes the name of a file as durable as its bytes.
func syncFolder(file string) error {
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // a file system that has no such thing
		err = nil
	}
	return errors.Join(err, d.Close())
}

// reason returns err without the path that it repeats.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
