package cassettes

import "net/http"

// Tape is one cassette in use, with the transport that answers from it or records to it.
type Tape struct {
	http.RoundTripper
	Session  *Session  // what is replayed; nil if nothing is
	Writer   *Writer   // nil if nothing is recorded
	Outdated *Outdated // what is taken off the tape when it has been recorded afresh; nil if nothing is
	Notices  []string  // what a user should know, a sentence each
}

// Close ends the recording, if there is one. It returns what a user should know of that, a sentence each.
func (t *Tape) Close() ([]string, error) {
	if t.Writer == nil {
		return nil, nil
	}
	var notices []string
	notice, err := t.Writer.Close()
	if notice != "" {
		notices = append(notices, notice)
	}
	if err != nil || t.Outdated == nil {
		return notices, err
	}
	more, err := t.Outdated.close()
	return append(notices, more...), err
}
