// Package cassettes is the tape: it reads and writes go-vcr cassettes, finds the interaction that
// answers a request, and has the transports of the modes, which are http.RoundTrippers.
//
// It knows files, interactions and requests; it knows nothing of listeners, flags and logs.
//
//	record       Recorder
//	replay       Player
//	auto         Player, whose Miss is a Recorder
//	passthrough  Passthrough
package cassettes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
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
	f, err := os.Open(file)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no cassette %s: record one with \"twilio-vcr record --cassette %s\"", file, file)
		}
		return nil, fmt.Errorf("read a cassette: %w", err)
	}
	defer f.Close()
	return read(file, f)
}

// read is Load for an open file, whose name it uses in messages.
func read(file string, r io.ReadSeeker) (*Cassette, error) {
	s, err := split(r)
	if err != nil {
		return nil, fmt.Errorf("read a cassette: %w", err)
	}
	c := &Cassette{File: file, layout: s.layout}
	if !s.readable || c.decodeParts(s) != nil {
		// Either the file is laid out so that its lines don't tell where an interaction begins, or
		// it is broken: go-vcr's own YAML reader decides, and knows the line.
		c.layout.odd = true
		if err := c.decodeWhole(r); err != nil {
			return nil, err
		}
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

// decodeParts decodes one interaction at a time. Its error only says that there is one.
func (c *Cassette) decodeParts(s *sheet) error {
	var top struct{ Version *int }
	if err := yaml.Unmarshal([]byte(s.head.String()), &top); err != nil {
		return err
	}
	if top.Version != nil && *top.Version != cassette.CassetteFormatV2 {
		return cassette.ErrUnsupportedCassetteFormat
	}
	c.Interactions = make([]*cassette.Interaction, 0, len(s.parts))
	for _, p := range s.parts {
		it, ok := decode(p.text, s.dash)
		if !ok {
			var list []*cassette.Interaction
			if err := yaml.Unmarshal([]byte(p.text), &list); err != nil {
				return err
			}
			if len(list) != 1 {
				return errors.New("not one interaction")
			}
			it = list[0]
		}
		if problem(it) != "" {
			return errors.New("not a whole interaction")
		}
		c.Interactions = append(c.Interactions, it)
	}
	return nil
}

// decodeWhole decodes the file as go-vcr does, and says what is wrong with it.
func (c *Cassette) decodeWhole(r io.ReadSeeker) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read a cassette: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read a cassette: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return c.broken(0, "it is not YAML: "+yamlProblem(err), "restore it, or record it anew with --overwrite")
	}
	if doc.Kind == 0 {
		return c.broken(0, "it holds nothing", "restore it, or record it anew with --overwrite")
	}
	top := doc.Content[0]
	version, list := child(top, "version"), child(top, "interactions")
	switch {
	case version != nil && version.Value != "2":
		return c.broken(version.Line, fmt.Sprintf("version %q of the cassette format can't be read, only version 2, which go-vcr writes since v3", version.Value), "record it anew")
	case list == nil:
		return c.broken(top.Line, "it has no list of interactions, so it is no go-vcr cassette", "name another file")
	case list.Kind != yaml.SequenceNode && list.Tag != "!!null":
		return c.broken(list.Line, "interactions is not a list", "restore the file, or record it anew with --overwrite")
	}
	c.Interactions = nil
	for i, item := range list.Content {
		var it *cassette.Interaction
		if err := item.Decode(&it); err != nil {
			return c.broken(item.Line, fmt.Sprintf("interaction %d: %s", i, yamlProblem(err)), "set it right, or record it anew")
		}
		if p := problem(it); p != "" {
			return c.broken(item.Line, fmt.Sprintf("interaction %d: %s", i, p), "set it right, or record it anew")
		}
		c.Interactions = append(c.Interactions, it)
	}
	return nil
}

// broken returns the error for a cassette that can't be used: the file, the line, the problem, the mend.
func (c *Cassette) broken(line int, problem, mend string) error {
	place := c.File
	if m := lineNumber.FindStringSubmatch(problem); m != nil { // the YAML reader knows better
		place += ":" + m[1]
	} else if line > 0 {
		place += fmt.Sprintf(":%d", line)
	}
	return fmt.Errorf("%s: %s; %s", place, lineNumber.ReplaceAllString(problem, ""), mend)
}

var (
	lineNumber = regexp.MustCompile(`line (\d+): `)
	quoted     = regexp.MustCompile(" ?`[^`]*`")
)

// yamlProblem returns the first problem of an error of yaml.v3, without the values that it quotes: they
// may be secret.
func yamlProblem(err error) string {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	var types *yaml.TypeError
	if errors.As(err, &types) && len(types.Errors) > 0 {
		message = types.Errors[0]
	}
	return quoted.ReplaceAllString(message, "")
}

// problem returns what makes an interaction useless for replaying, or "".
func problem(it *cassette.Interaction) string {
	switch {
	case it == nil:
		return "it is null"
	case it.Request.Method == "":
		return "request.method is missing"
	case it.Request.URL == "":
		return "request.url is missing"
	case it.Response.Code < 200 || it.Response.Code > 999:
		return fmt.Sprintf("response.code %d is no HTTP status of a final answer", it.Response.Code)
	}
	return ""
}

// child returns the value of key in a YAML mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
