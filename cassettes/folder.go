package cassettes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xrash/smetrics"
)

// Folder holds the cassettes of sessions: that of the session NAME is NAME.yaml. No name can leave it.
type Folder struct {
	path string
	root *os.Root
}

// OpenFolder opens the folder at path, or makes it.
func OpenFolder(path string, create bool) (*Folder, error) {
	if create {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("make the cassette folder %s: %w; name another place with --cassette-dir", path, reason(err))
		}
	}
	root, err := os.OpenRoot(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no cassette folder %s: check --cassette-dir, or record to it first", path)
	case err != nil:
		return nil, fmt.Errorf("open the cassette folder %s: %w; check --cassette-dir", path, reason(err))
	}
	return &Folder{path, root}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

const suffix = ".yaml"

// maxSession is the longest name of a session, and maxSegment that of a folder or file in it, in bytes: files beside
// the cassette add to its name, and a file system takes 255.
const maxSession, maxSegment = 400, 180

// device is what Windows takes for a device, whatever follows.
// Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// CheckName returns what is wrong with the name of a session, which is not repeated. A name has one or more parts
// with "/" in between, and each can be the name of a file on every system.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxSession:
		return fmt.Errorf("it is longer than %d bytes", maxSession)
	case !utf8.ValidString(name):
		return errors.New("it is not UTF-8")
	case strings.HasPrefix(name, "/"):
		return errors.New("it begins with \"/\"; a name is that of a file in the cassette folder")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return errors.New("it has an empty part")
		case len(part) > maxSegment:
			return fmt.Errorf("a part of it is longer than %d bytes", maxSegment)
		case strings.HasPrefix(part, "."), strings.HasSuffix(part, "."):
			return errors.New("a part of it begins or ends with a dot")
		case strings.HasPrefix(part, " "), strings.HasSuffix(part, " "):
			return errors.New("a part of it begins or ends with a space")
		case strings.ContainsAny(part, `<>:"\|?*`):
			return errors.New(`it has one of < > : " \ | ? *`)
		case strings.ContainsFunc(part, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
			return errors.New("it has a control character")
		case device.MatchString(part):
			return errors.New("a part of it is a device on Windows")
		}
	}
	return nil
}

// File returns the cassette of the session name, which CheckName finds right, and makes the folders that it is in,
// if create is set. A symbolic link that leaves the folder is an error.
func (f *Folder) File(name string, create bool) (string, error) {
	inside := name + suffix
	if dir := path.Dir(inside); create && dir != "." {
		if err := f.root.MkdirAll(dir, 0o700); err != nil {
			return "", f.problem(name, err)
		}
	}
	for _, file := range []string{inside, inside + lockSuffix} {
		if _, err := f.root.Stat(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", f.problem(name, err)
		}
	}
	return filepath.Join(f.path, filepath.FromSlash(inside)), nil
}

// Load reads the cassette of the session name. If there is none, the error wraps fs.ErrNotExist.
func (f *Folder) Load(name string) (*Cassette, error) {
	file, err := f.File(name, false)
	if err != nil {
		return nil, err
	}
	info, err := f.root.Stat(name + suffix)
	if err != nil {
		return nil, f.problem(name, err)
	}
	if err := checkRegular(file, info); err != nil {
		return nil, err
	}
	r, err := f.root.Open(name + suffix)
	if err != nil {
		return nil, f.problem(name, err)
	}
	defer r.Close()
	return read(file, r)
}

// problem says what is wrong with the cassette of a session.
func (f *Folder) problem(name string, err error) error {
	return fmt.Errorf("%s: %w; name another session, or mend the cassette folder", filepath.Join(f.path, filepath.FromSlash(name+suffix)), reason(err))
}

// maxListed is how many names are looked at to find those that are like another.
const maxListed = 10_000

// Closest returns the names of at most n sessions that have a cassette, those first that are most like name.
func (f *Folder) Closest(name string, n int) []string {
	type candidate struct {
		name  string
		alike float64
	}
	var all []candidate
	_ = fs.WalkDir(f.root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || len(all) == maxListed { // what can't be read is not named
			return fs.SkipDir
		}
		if other, ok := strings.CutSuffix(file, suffix); ok && !d.IsDir() && CheckName(other) == nil {
			all = append(all, candidate{other, alike(name, other)})
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(-cmp.Compare(a.alike, b.alike), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range all[:min(n, len(all))] {
		names = append(names, c.name)
	}
	return names
}

// alike returns how alike two names are, from 0 to 1. A name is also like one in another folder.
func alike(a, b string) float64 {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return max(smetrics.JaroWinkler(a, b, 0.7, 4), 0.99*smetrics.JaroWinkler(path.Base(a), path.Base(b), 0.7, 4))
}
