package cassettes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Redact applies policy to the cassette in file, and returns what it has taken out. The file is replaced in one
// step, or left alone if there is nothing to take out or something is wrong. When each interaction was recorded
// stays the same; for a cassette of stock go-vcr, which does not say it, that is the time of the file.
func Redact(file string, policy *redact.Policy) ([]Finding, error) {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // which is replaced, not the link
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no cassette %s to redact", file)
	}
	c, err := loadWithTimes(file)
	if err != nil {
		return nil, err
	}
	l := &linter{file: file, policy: policy}
	for i, it := range c.Interactions {
		l.interaction = i
		it, hits, err := redacted(it, policy)
		if err != nil {
			return nil, fmt.Errorf("%s: interaction %d: %w", file, i, err)
		}
		c.Interactions[i] = it
		for _, h := range hits {
			l.add(Unredacted, h.Place, h.What+" was taken out")
		}
	}
	if len(l.findings) == 0 {
		return nil, nil
	}
	return l.findings, c.rewrite()
}

// timed is a cassette with the times at which its interactions were recorded, and its file's mode.
type timed struct {
	*Cassette
	times []time.Time
	mode  os.FileMode
}

func loadWithTimes(file string) (*timed, error) {
	c, err := Load(file)
	if err != nil {
		return nil, err
	}
	if c.layout.torn || c.layout.marked && !c.layout.ended {
		return nil, fmt.Errorf("%s is cut off; end it in order first: \"twilio-vcr record --append\" sets aside what was cut", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("redact a cassette: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("redact a cassette: %w", err)
	}
	s, err := split(f)
	if err != nil {
		return nil, fmt.Errorf("redact a cassette: %w", err)
	}
	t := &timed{Cassette: c, mode: info.Mode().Perm()}
	for i := range c.Interactions {
		at := info.ModTime()
		if i < len(s.parts) && !s.parts[i].at.IsZero() {
			at = s.parts[i].at
		}
		t.times = append(t.times, at)
	}
	return t, nil
}

// rewrite puts the interactions in the place of what the file holds.
func (c *timed) rewrite() error {
	w, err := Overwrite(c.File)
	if err != nil {
		return err
	}
	err = w.f.Chmod(c.mode)
	for i, it := range c.Interactions {
		if err == nil {
			_, err = w.append(it, c.times[i], func(string) error { return nil }) // it was checked when it was redacted
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite %s: %w; it is as it was before", c.File, err), w.abandon())
	}
	_, err = w.Close()
	return err
}

// redacted returns it as policy would have it on the tape, and what that takes out. It is left alone. The error
// says that it can't be looked into, or that something can't be taken out.
func redacted(it *cassette.Interaction, policy *redact.Policy) (*cassette.Interaction, []redact.Hit, error) {
	c := *it
	c.Request.Headers, c.Request.TransferEncoding = it.Request.Headers.Clone(), slices.Clone(it.Request.TransferEncoding)
	c.Response.Headers, c.Response.TransferEncoding = it.Response.Headers.Clone(), slices.Clone(it.Response.TransferEncoding)
	request, err := decodeBody([]byte(c.Request.Body), c.Request.Headers)
	if err != nil {
		return nil, nil, fmt.Errorf("request: %w, so it can't be looked into; record it anew", err)
	}
	response, err := decodeBody([]byte(c.Response.Body), c.Response.Headers)
	if err != nil {
		return nil, nil, fmt.Errorf("response: %w, so it can't be looked into; record it anew", err)
	}
	if len(request) != len(c.Request.Body) {
		setLength(c.Request.Headers, len(request))
		c.Request.ContentLength = int64(len(request))
	}
	if len(response) != len(c.Response.Body) {
		setLength(c.Response.Headers, len(response))
		c.Response.ContentLength = int64(len(response))
		c.Response.Uncompressed = true
	}
	c.Request.Body, c.Response.Body = string(request), string(response)
	hits, found := policy.Explain(&c)
	text, err := encode(&c, stockDash)
	if err == nil {
		err = checkText(found, string(text))
	}
	return &c, hits, err
}
