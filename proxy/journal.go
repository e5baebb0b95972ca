package proxy

import (
	"io"
	"log"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// NewLogger returns the log of a run: a line an event, for people (console) or for machines (json). Level is one
// of zap's names.
func NewLogger(format, level string, w io.Writer) *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339TimeEncoder
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(encoding)
	if format == "console" {
		encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	least, err := zapcore.ParseLevel(level)
	if err != nil {
		least = zapcore.InfoLevel // unreachable: config lets through zap's names only
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), least))
}

// Journal tells of exchanges: a log line each, and their sum at the end. It is safe for concurrent use.
type Journal struct {
	log *zap.Logger

	mu     sync.Mutex
	counts map[cassettes.Outcome]int
	live   int // calls that reached upstream
	misses []*Missed
	alike  map[string]*Missed // those of misses, by their text
	untold int                // requests that were missed when there was no room for more misses
	told   map[string]bool    // the causes that refuse has written a line for
}

// NewJournal returns a Journal that writes to log.
func NewJournal(log *zap.Logger) *Journal {
	return &Journal{log: log, counts: map[cassettes.Outcome]int{}, alike: map[string]*Missed{}, told: map[string]bool{}}
}

// levels are those of the outcomes that somebody should look at. The others are told at level info.
var levels = map[cassettes.Outcome]zapcore.Level{
	cassettes.Missed:     zapcore.WarnLevel,
	cassettes.Failed:     zapcore.WarnLevel,
	cassettes.Refused:    zapcore.WarnLevel,
	cassettes.Unrecorded: zapcore.ErrorLevel,
}

// Tell counts e and writes its log line.
func (j *Journal) Tell(e cassettes.Exchange) {
	j.mu.Lock()
	j.counts[e.Outcome]++
	if e.Live {
		j.live++
	}
	if e.Miss != nil {
		j.keep(e)
	}
	j.mu.Unlock()

	line := j.log.Check(levels[e.Outcome], string(e.Outcome)) // info is level 0
	if line == nil {
		return
	}
	var fields []zap.Field
	if e.Session != "" {
		fields = append(fields, zap.String("session", e.Session))
	}
	fields = append(fields,
		zap.String("method", e.Method),
		zap.String("path", e.Path),
		zap.Int("status", e.Status),
		zap.Duration("duration", e.Duration.Round(time.Microsecond)))
	if e.Interaction >= 0 {
		fields = append(fields, zap.Int("interaction", e.Interaction))
	}
	if e.Detail != "" {
		fields = append(fields, zap.String("reason", e.Detail))
	}
	line.Write(fields...)
}

// refuse counts a connection that could not be served. Only the first one of a cause has a log line: a client that
// is set up wrongly tries again and again.
func (j *Journal) refuse(cause, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock() // who sees it counted finds its line in the log
	j.counts[cassettes.Refused]++
	if !j.told[cause] {
		j.told[cause] = true
		j.log.Warn(string(cassettes.Refused), zap.String("reason", reason))
	}
}

// maxKept is how many different misses are kept for the report.
const maxKept = 1000

// keep notes a miss for the report. Its caller holds the mutex.
func (j *Journal) keep(e cassettes.Exchange) {
	switch m := j.alike[e.Detail]; {
	case m != nil:
		m.Count++
	case len(j.misses) == maxKept:
		j.untold++
	default:
		m = &Missed{Session: e.Session, Count: 1, Text: e.Detail, Miss: e.Miss}
		j.alike[e.Detail] = m
		j.misses = append(j.misses, m)
	}
}

// Count returns how many exchanges had one of the outcomes.
func (j *Journal) Count(outcomes ...cassettes.Outcome) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, o := range outcomes {
		n += j.counts[o]
	}
	return n
}

// Live returns how many calls were sent to upstream.
func (j *Journal) Live() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.live
}

// Summarize writes the summary line: how many were recorded, replayed and missed, how many calls were sent to
// upstream, and what else there was.
func (j *Journal) Summarize() {
	fields := []zap.Field{
		zap.Int("recorded", j.Count(cassettes.Recorded)),
		zap.Int("replayed", j.Count(cassettes.Replayed, cassettes.Repeated)),
		zap.Int("missed", j.Count(cassettes.Missed)),
		zap.Int("upstream", j.Live()),
	}
	for _, o := range []cassettes.Outcome{cassettes.Passed, cassettes.Skipped, cassettes.Faulted, cassettes.Unrecorded, cassettes.Failed, cassettes.Refused} {
		if n := j.Count(o); n > 0 {
			fields = append(fields, zap.Int(string(o), n))
		}
	}
	j.log.Info("summary", fields...)
}

// errorLog returns a logger for what http.Server has to say of connections.
func (j *Journal) errorLog() *log.Logger {
	l, err := zap.NewStdLogAt(j.log, zapcore.WarnLevel)
	if err != nil {
		return log.Default() // unreachable: the level is one of zap's
	}
	return l
}

// copyLog returns a logger for the errors that ReverseProxy has while it copies an answer. They may quote
// upstream, so only their kind is told.
func (j *Journal) copyLog() *log.Logger { return log.New(brokenOff{j.log}, "", 0) }

type brokenOff struct{ log *zap.Logger }

func (b brokenOff) Write(text []byte) (int, error) {
	b.log.Warn("an answer of upstream broke off after its beginning was passed on")
	return len(text), nil
}
