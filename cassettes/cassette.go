// Package cassettes is the tape: it reads and writes go-vcr cassettes, finds the interaction that
// answers a request, and has the transports of the modes, which are http.RoundTrippers.
//
// It knows files, interactions and requests; it knows nothing of listeners, flags and logs.
//
//	record       Recorder
//	replay       Player
//	auto         Player, whose Miss is a Recorder
//	passthrough  Passthrough
//
// A Deck makes these for a cassette, as a Tape; Sessions give each request to the Tape of its session.
package cassettes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"
)

// Cassette is what was read from one file.
type Cassette struct {
	File         string
	Interactions []*cassette.Interaction // in the order of the file
	// Notices say, a sentence each, what a reader of the tape should know: that the file was cut, that
	// its recording was interrupted, that it was edited by hand.
	Notices []string

	layout layout
	times  []time.Time // when each interaction was recorded; zero if no mark says so
}

// Load reads the cassette in file, one of ours or of go-vcr version 2. It reads what is whole: an
// interaction that was cut off at the end of the file is left out, with a notice.
//
// The error is a sentence that names the file, the line, what is wrong and what helps.
func Load(file string) (*Cassette, error) {
	f, err := openRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(file, f)
}

// openRegular opens a cassette. It waits for no pipe and reads from no device: what is read has an end.
func openRegular(file string) (*os.File, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no cassette %s: record one with \"twilio-vcr record --cassette %s\"", file, file)
	case err != nil:
		return nil, fmt.Errorf("%s: it can't be read: %w; name another file", file, reason(err))
	}
	if err := checkRegular(file, info); err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: it can't be read: %w; give yourself the right to read it, or name another file", file, reason(err))
	}
	return f, nil
}

// checkRegular says why what info describes can't be a cassette.
func checkRegular(file string, info os.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s: it is a folder; name a file in it", file)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: it is no regular file; copy what it gives into one", file)
	}
	return nil
}

// maxCassette is how large a cassette may be: 1 GiB. Replaying one takes two to three times its size in memory.
const maxCassette = 1 << 30

// read is Load for an open file, whose name it uses in messages.
func read(file string, r io.ReadSeeker) (*Cassette, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("read a cassette: %w", err)
	}
	if size > maxCassette {
		return nil, fmt.Errorf("%s: it has %s, and a cassette may have %s; split it, or record to several cassettes", file, gibibytes(size), gibibytes(maxCassette))
	}
	s, err := split(r)
	if err != nil {
		return nil, fmt.Errorf("read a cassette: %w", err)
	}
	c := &Cassette{File: file, layout: s.layout}
	var f *flaw
	if s.readable {
		f = c.decodeParts(s)
	}
	if !s.readable || f != nil && s.end <= maxParsed {
		// Either the file is laid out so that its lines don't tell where an interaction begins, or
		// it is broken: go-vcr's own YAML reader decides, and knows the line.
		c.layout.odd = true
		text := make([]byte, s.end)
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read a cassette: %w", err)
		}
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, fmt.Errorf("read a cassette: %w", err)
		}
		f = c.decodeWhole(text)
	}
	if f != nil {
		return nil, f.in(file)
	}
	for i, it := range c.Interactions {
		it.ID = i // go-vcr's reader does not look at it, and people who edit a file do not either
	}
	c.times = make([]time.Time, len(c.Interactions))
	for i := range min(len(c.times), len(s.parts)) {
		c.times[i] = s.parts[i].at
	}
	c.Notices = s.notices(file, len(c.Interactions))
	return c, nil
}

// decodeParts decodes one interaction at a time.
func (c *Cassette) decodeParts(s *sheet) *flaw {
	head, f := parse([]byte(s.head.String()))
	if f != nil {
		return f
	}
	if f := checkVersion(head); f != nil {
		return f
	}
	if list := child(head, "interactions"); list == nil || list.Tag != "!!null" {
		return &flaw{head.Line, "interactions stand where they were not looked for", mendFile}
	}
	c.Interactions = make([]*cassette.Interaction, 0, len(s.parts))
	for i, p := range s.parts {
		it, ok := decode(p.text, s.dash)
		if _, wrong := problem(it); !ok || wrong != "" {
			var f *flaw
			if it, f = decodePart([]byte(p.text)); f != nil {
				return f.ofItem(i, p.line-1)
			}
		}
		c.Interactions = append(c.Interactions, it)
	}
	return nil
}

// decodePart returns the interaction that text, a list of one, holds.
func decodePart(text []byte) (*cassette.Interaction, *flaw) {
	list, f := parse(text)
	if f != nil {
		return nil, f
	}
	if list.Kind != yaml.SequenceNode || len(list.Content) != 1 || hasAlias(list) {
		return nil, &flaw{list.Line, "it can't be read apart from what stands around it", mendField}
	}
	return decodeItem(list.Content[0])
}

// decodeWhole decodes the file as go-vcr does, and says what is wrong with it.
func (c *Cassette) decodeWhole(text []byte) *flaw {
	top, f := parse(text)
	if f != nil {
		return f
	}
	if f := checkVersion(top); f != nil {
		return f
	}
	list := child(top, "interactions")
	if list != nil {
		list = target(list)
	}
	switch {
	case list == nil:
		return &flaw{top.Line, "it has no list of interactions, so it is no go-vcr cassette", "name another file"}
	case list.Kind != yaml.SequenceNode && list.Tag != "!!null":
		return &flaw{list.Line, "interactions is " + kind(list) + ", and must be a list", mendFile}
	}
	c.Interactions = nil
	err := list.Decode(&c.Interactions) // at once, so that aliases are counted for all
	for i, item := range list.Content {
		if err == nil {
			if _, wrong := problem(c.Interactions[i]); wrong == "" {
				continue
			}
		}
		if _, f := decodeItem(item); f != nil {
			return f.ofItem(i, 0)
		}
	}
	if err != nil {
		p, mend := inWords(err)
		return &flaw{list.Line, p, mend}
	}
	return nil
}

// ofItem returns f as one of interaction number i, before whose text there are so many lines in the file.
func (f *flaw) ofItem(i, lines int) *flaw {
	if f.line += lines; f.line == lines {
		f.line++
	}
	f.problem = fmt.Sprintf("interaction %d: %s", i, f.problem)
	return f
}

// checkVersion finds that a cassette is of another version of the format than the one we know.
func checkVersion(top *yaml.Node) *flaw {
	version := child(top, "version")
	var number *int
	switch {
	case version == nil:
		return nil
	case version.Decode(&number) != nil:
		return &flaw{version.Line, "version is " + kind(version) + ", and must be 2", "write \"version: 2\" if it is a cassette of go-vcr v3 or v4"}
	case number != nil && *number != cassette.CassetteFormatV2:
		return &flaw{version.Line, fmt.Sprintf("version %d of the cassette format can't be read, only version 2, which go-vcr writes since v3", *number), "record it anew"}
	}
	return nil
}

// child returns the value of key in a YAML mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	_, value := entry(n, key)
	return value
}

// entry returns the node of key in a YAML mapping, and its value, or nil.
func entry(n *yaml.Node, key string) (name, value *yaml.Node) {
	if n = target(n); n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i], n.Content[i+1]
			}
		}
	}
	return nil, nil
}
