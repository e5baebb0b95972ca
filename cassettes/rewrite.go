package cassettes

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

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
	c, err := Load(file)
	if err != nil {
		return nil, err
	}
	if c.layout.cut() {
		return nil, c.cutOff()
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

// cutOff says why a cassette that is not whole is not rewritten.
func (c *Cassette) cutOff() error {
	return fmt.Errorf("%s is cut off; end it in order first: \"twilio-vcr record --append\" sets aside what was cut", c.File)
}

// rewrite puts the interactions in the place of what the file holds.
func (c *Cassette) rewrite() error {
	w, err := Overwrite(c.File)
	if err != nil {
		return err
	}
	return c.replaceBy(w)
}

// replaceBy is rewrite for a Writer that Overwrite has returned, which it closes.
func (c *Cassette) replaceBy(w *Writer) error {
	info, err := os.Stat(c.File)
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite a cassette: %w", err), w.abandon())
	}
	err = w.f.Chmod(info.Mode().Perm())
	for i, it := range c.Interactions {
		at := c.times[i]
		if at.IsZero() {
			at = info.ModTime()
		}
		if err == nil {
			_, err = w.append(it, at, func(string) error { return nil }) // it was checked when it was redacted
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
	if _, err := uncompress(&c.Request.Body, c.Request.Headers, &c.Request.ContentLength); err != nil {
		return nil, nil, fmt.Errorf("request: %w", err)
	}
	compressed, err := uncompress(&c.Response.Body, c.Response.Headers, &c.Response.ContentLength)
	if err != nil {
		return nil, nil, fmt.Errorf("response: %w", err)
	}
	c.Response.Uncompressed = c.Response.Uncompressed || compressed
	hits, found := policy.Explain(&c)
	text, err := encode(&c, stockDash)
	if err == nil {
		err = checkText(found, string(text))
	}
	return &c, hits, err
}

// uncompress undoes the Content-Encoding of a body that somebody else has put on a tape, and reports whether that
// has changed its length, which it corrects.
func uncompress(body *string, h http.Header, length *int64) (bool, error) {
	plain, err := decodeBody([]byte(*body), h)
	if err != nil {
		return false, fmt.Errorf("%w, so it can't be looked into; record it anew", err)
	}
	changed := len(plain) != len(*body)
	if changed {
		setLength(h, len(plain))
		*length = int64(len(plain))
	}
	*body = string(plain)
	return changed, nil
}
