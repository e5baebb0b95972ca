package cassettes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// Checker sends the requests of a cassette to upstream again, in the order of the tape, and says how the answers
// differ from the recorded ones.
//
// The requests carry the Checker's credentials, never those of the tape, and go to Upstream alone. SIDs that are
// others now, because something was created anew, are followed from answer to request. Whatever is said or
// written of an answer was redacted before.
type Checker struct {
	Upstream  *url.URL
	Transport http.RoundTripper // does not follow redirects
	Policy    *redact.Policy
	User      string // an account's SID or an API key's, sent with Password as Basic authentication
	Password  string //
	Account   string // the SID that takes the place of an account's pseudonym; "" if it is not known
	Changes   bool   // requests that change state are sent too
	Update    bool   // the new answers take the place of the recorded ones in the file
}

// Checked is what came of a check.
type Checked struct {
	Findings []Finding // how answers differ, and which requests were not sent
	Compared int       // how many answers were compared
	Unsent   int       // how many interactions were not: their requests were not sent, or have lost what they ask for
	Unkept   int       // how many answers Update has not written: upstream was at fault, or they could not be redacted
}

// Add adds what came of another check.
func (c *Checked) Add(o Checked) {
	c.Findings = append(c.Findings, o.Findings...)
	c.Compared, c.Unsent, c.Unkept = c.Compared+o.Compared, c.Unsent+o.Unsent, c.Unkept+o.Unkept
}

// Verdict says in a line what came of it, and whether all is well: there is no drift, or with update all new
// answers were written.
func (c *Checked) Verdict(update bool) (line string, ok bool) {
	unsent := fmt.Sprintf("not checked: %d", c.Unsent)
	if update {
		return fmt.Sprintf("new answers written: %d of %d; %s", c.Compared-c.Unkept, c.Compared, unsent), c.Unkept == 0
	}
	faults := 0
	for _, f := range c.Findings {
		if !f.Note {
			faults++
		}
	}
	if faults == 0 {
		return fmt.Sprintf("answers without drift: %d; %s", c.Compared, unsent), true
	}
	return fmt.Sprintf("findings: %d, in %d answers; %s", faults, c.Compared, unsent), false
}

// Check checks the cassette in file. With Update it is replaced in one step when all has gone well; it is left
// alone if the error is set: the cassette can't be read or written, upstream gave no answer or refused the
// credentials, or ctx ended, which is looked at between two calls.
func (c *Checker) Check(ctx context.Context, file string) (Checked, error) {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // which is replaced, not the link
	}
	tape, err := Load(file)
	if err != nil {
		return Checked{}, err
	}
	if !c.Update {
		return c.check(ctx, tape)
	}
	w, err := Overwrite(file) // before a call is sent, so that no other process writes to the file meanwhile
	if err != nil {
		return Checked{}, err
	}
	if tape, err = Load(file); err != nil {
		return Checked{}, errors.Join(err, w.abandon())
	}
	checked, err := c.check(ctx, tape)
	if err != nil || checked.Compared == checked.Unkept {
		return checked, errors.Join(err, w.abandon())
	}
	return checked, tape.replaceBy(w)
}

// check is Check for a cassette that was read. With Update the new answers are in it afterwards.
func (c *Checker) check(ctx context.Context, tape *Cassette) (Checked, error) {
	r := &checkRun{Checker: c, linter: linter{file: tape.File, policy: c.Policy}, moves: moves{account: sidText.FindString(c.Account)}, lost: map[string]int{}}
	err := r.readable(tape)
	for i, it := range tape.Interactions {
		if err != nil || ctx.Err() != nil {
			break
		}
		r.interaction = i
		var now *cassette.Response
		if now, err = r.again(ctx, it, r.recorded[i]); now != nil {
			it.Response, tape.times[i] = *now, time.Now()
		}
	}
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("the check of %s was stopped; the file is as it was", r.file)
	}
	r.Findings = r.findings
	return r.Checked, err
}

// checkRun is the check of one cassette.
type checkRun struct {
	*Checker
	linter
	Checked
	recorded []*cassette.Interaction // redacted and decoded, as findings may show them
	moves    moves
	lost     map[string]int // SIDs of the tape that are not there now, by the interaction that should have made them
}

// readable prepares what the answers are compared with, and finds out why it can't be.
func (r *checkRun) readable(tape *Cassette) error {
	if tape.layout.cut() {
		if r.Update {
			return tape.cutOff()
		}
		r.interaction = -1
		r.note(CutOff, "", "it is not all that was recorded; the rest is checked")
	}
	for i, it := range tape.Interactions {
		clean, hits, err := redacted(it, r.policy)
		switch {
		case err != nil:
			return fmt.Errorf("%s: interaction %d: %w", r.file, i, err)
		case len(hits) > 0 && r.Update:
			return fmt.Errorf("%s: interaction %d: %s: %s is readable; take it out first with \"twilio-vcr cassette redact\"", r.file, i, hits[0].Place, hits[0].What)
		}
		r.recorded = append(r.recorded, clean)
	}
	return nil
}

// again sends the request of it again, and compares the answer with the recorded one, which is redacted. With
// Update it returns what to put on the tape.
func (r *checkRun) again(ctx context.Context, it, recorded *cassette.Interaction) (*cassette.Response, error) {
	req, body, why := r.request(ctx, it, recorded)
	if why != "" {
		r.lose(it)
		r.note(Unsent, "request", "not sent: "+why)
		r.Unsent++
		return nil, nil
	}
	start := time.Now()
	reply, err := r.send(req, body, it)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if maker, ok := r.isLost(it, reply.StatusCode); ok {
		r.note(Unsent, "response status", fmt.Sprintf("not compared: recorded %d, now 404: interaction %d, which made what it asks for, was not sent or has failed", it.Response.Code, maker))
		r.Unsent++
		return nil, nil
	}
	r.Compared++
	if reply.StatusCode >= 300 && it.Response.Code < 300 {
		r.lose(it)
	}
	now, err := r.onTape(req, body, reply, time.Since(start), it, recorded)
	if err != nil {
		r.add(Unreadable, "", "the new answer can't be compared: "+err.Error())
		r.Unkept++
		return nil, nil
	}
	r.drift(&recorded.Response, now)
	if now.Code != it.Response.Code && (now.Code == http.StatusTooManyRequests || now.Code >= 500) {
		r.Unkept++ // it says something of today, and not of the API
		return nil, nil
	}
	if !r.Update {
		return nil, nil
	}
	return now, nil
}

// send returns upstream's answer to req. That upstream does not know the caller is an error: it says nothing of
// the tape.
func (r *checkRun) send(req *http.Request, body []byte, it *cassette.Interaction) (*reply, error) {
	reply, failure := call(r.Transport, req, body, upstreamTimeout)
	if failure != nil {
		return nil, fmt.Errorf("%s: interaction %d: %s", r.file, r.interaction, strings.TrimPrefix(failure.Message, "twilio-vcr: "))
	}
	if reply.StatusCode == http.StatusUnauthorized && it.Response.Code != http.StatusUnauthorized {
		_ = reply.Body.Close()
		return nil, fmt.Errorf("%s: interaction %d: upstream %s does not accept the credentials: recorded %d, now 401", r.file, r.interaction, req.URL.Host, it.Response.Code)
	}
	return reply, nil
}

// onTape returns reply as it would stand on the tape: with the tape's own SIDs, redacted, and searched again.
func (r *checkRun) onTape(req *http.Request, body []byte, reply *reply, took time.Duration, it, recorded *cassette.Interaction) (*cassette.Response, error) {
	request, err := captureRequest(req, body)
	if err != nil {
		return nil, err
	}
	response, err := captureResponse(reply.Response, reply.body, took)
	if err != nil {
		return nil, err
	}
	if response.Code < 300 {
		r.follow(it, &response)
	}
	response.Body = r.moves.putBack(response.Body)
	for _, header := range []http.Header{response.Headers, response.Trailer} {
		for _, values := range header {
			for i := range values {
				values[i] = r.moves.putBack(values[i])
			}
		}
	}
	now := &cassette.Interaction{Request: request, Response: response}
	found := r.policy.Interaction(now)
	now.Request = recorded.Request
	text, err := encode(now, stockDash)
	if err == nil {
		err = checkText(found, string(text))
	}
	return &now.Response, err
}

// follow learns which SIDs are others in the answer of now, which is not redacted.
func (r *checkRun) follow(it *cassette.Interaction, now *cassette.Response) {
	if plain, err := decodeBody([]byte(it.Response.Body), it.Response.Headers.Clone()); err == nil {
		r.moves.learn(string(plain), now.Body, !isSafe(it.Request.Method))
	}
}

// lose notes that what the recorded answer speaks of for the first time was not made.
func (r *checkRun) lose(it *cassette.Interaction) {
	if isSafe(it.Request.Method) {
		return
	}
	for _, sid := range sidText.FindAllString(it.Response.Body, -1) {
		_, known := r.lost[sid]
		if !known && sid[:2] != "AC" && !strings.Contains(it.Request.URL+it.Request.Body, sid) {
			r.lost[sid] = r.interaction
		}
	}
}

// isLost reports whether what it asks for is not there because it was not made, and which interaction makes it.
func (r *checkRun) isLost(it *cassette.Interaction, status int) (maker int, ok bool) {
	if status != http.StatusNotFound || it.Response.Code == http.StatusNotFound {
		return 0, false
	}
	for _, sid := range sidText.FindAllString(it.Request.URL+it.Request.Body, -1) {
		if maker, ok = r.lost[sid]; ok {
			return maker, true
		}
	}
	return 0, false
}

// isSafe reports whether a method changes nothing. Source: RFC 9110, section 9.2.1.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
