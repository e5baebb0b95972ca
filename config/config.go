// Package config is what a run is told: one Config, from defaults, then a YAML file, then the environment,
// then flags. It checks everything once, and knows nothing of what is done with it.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

// DefaultFile is read if it is there and no other file is named.
const DefaultFile = "twilio-vcr.yaml"

// EnvPrefix begins the names of the environment's settings: TWILIO_VCR_LOG_LEVEL is log-level.
const EnvPrefix = "TWILIO_VCR_"

// Mode is what the proxy does with a request.
type Mode string

const (
	Record      Mode = "record"      // call upstream, and put it on the tape
	Replay      Mode = "replay"      // answer from the tape
	Auto        Mode = "auto"        // replay what is on the tape, record what is missing
	Passthrough Mode = "passthrough" // call upstream
)

// Config is what one run is told.
type Config struct {
	Mode      Mode
	Listen    string   // HOST:PORT, or unix:PATH
	TLS       bool     // the listener speaks TLS
	Upstream  *url.URL // where real calls go
	Tunnel    []string // hosts beside upstream that clients may reach through the proxy
	Cassette  string   // the file, "" for the built-in example
	Folder    string   // of the cassettes of sessions, "" if there is none
	Append    bool     // record: add to an existing cassette
	Overwrite bool     // record: replace an existing cassette
	Play      string   // last, once or loop
	Mark      bool     // answers say how they came about
	LogFormat string   // console or json
	LogLevel  string   // debug, info, warn or error

	Strict bool          // a miss and an unused interaction make the run fail
	Report string        // the file of the report, "" for none
	MaxAge time.Duration // of interactions; 0: any

	MaxLive int                // how many calls may be sent to upstream; negative: any number
	Allow   []cassettes.Route  // what may be called; nil: everything
	Skip    cassettes.Statuses // answers with these are left off the tape

	Latency cassettes.Latency // how long replayed answers take
	Faults  []fault.Rule      // none in record mode: a recording is of what upstream says
	Seed    uint64            // what Faults and the jitter of Latency are drawn from

	// Only a file sets these.
	Redact    *redact.Policy  // what is redacted
	Match     cassettes.Match // what is the same request
	Cassettes []CassetteRules // what holds for some cassettes only
}

// Sources are where a Config comes from.
type Sources struct {
	File   string                      // the YAML file; "" for DefaultFile, if it is there
	Getenv func(string) (string, bool) // the environment
	Flags  map[string][]string         // the values of the flags that were given, by name; of a switch "true" or "false"
}

// Load returns the Config of a run. Its error is a sentence that names where the wrong value stands.
func Load(mode Mode, from Sources) (*Config, error) {
	c := &Config{Mode: mode, Redact: &redact.Policy{}, MaxLive: -1}
	for _, s := range Settings {
		if value, ok := defaults[s.Name]; ok {
			if err := s.set(c, value); err != nil {
				return nil, fmt.Errorf("the default of %s: %w", s.Name, err)
			}
		}
	}
	if err := c.loadFile(from.File); err != nil {
		return nil, err
	}
	for _, s := range Settings {
		if value, ok := from.Getenv(s.Env()); ok && value != "" {
			if err := s.setAll(c, s.fromEnv(value)); err != nil {
				return nil, fmt.Errorf("environment variable %s: %w", s.Env(), err)
			}
		}
	}
	for _, s := range Settings {
		if values, ok := from.Flags[s.Name]; ok {
			if !s.ForMode(mode) {
				return nil, fmt.Errorf("flag --%s means nothing in %s mode; leave it out", s.Name, mode)
			}
			if err := s.setAll(c, values); err != nil {
				return nil, fmt.Errorf("flag --%s: %w", s.Name, err)
			}
		}
	}
	if mode == Record {
		c.Faults = nil // they are meant for the other modes, and a file or the environment may be there for all
	}
	return c, c.check()
}

// check finds what is wrong between settings.
func (c *Config) check() error {
	switch {
	case c.Mode == Record && c.Cassette == "" && c.Folder == "":
		return errors.New("record needs a file to record to: name it with --cassette FILE, or a folder for sessions with --cassette-dir FOLDER")
	case c.Mode == Auto && c.Cassette == "" && c.Folder == "":
		return errors.New("auto needs a file to replay and to record to: name it with --cassette FILE, or a folder for sessions with --cassette-dir FOLDER")
	case c.Append && c.Overwrite:
		return errors.New("--append and --overwrite exclude each other: give one of them")
	}
	for _, r := range c.Faults {
		if r.Delay()+c.Latency.Longest() > cassettes.MaxWait {
			return fmt.Errorf("the latency %s and the fault %q add up to more than %s, the most that an answer is held back; make one of them shorter", c.Latency, r, cassettes.MaxWait)
		}
	}
	return nil
}

// IsLoopback reports whether only programs on this machine can reach the listener.
func (c *Config) IsLoopback() bool {
	host, _, _ := net.SplitHostPort(c.Listen)
	addr, err := netip.ParseAddr(host)
	return strings.HasPrefix(c.Listen, unixPrefix) || host == "localhost" || err == nil && addr.IsLoopback()
}

// Domains are what the local CA is for: Twilio's domain, which clients ask for whatever upstream is, upstream's host,
// and the host that is listened on, if it is one.
func (c *Config) Domains() []string {
	const twilio = "twilio.com"
	domains := []string{twilio}
	if host := strings.ToLower(c.Upstream.Hostname()); host != twilio && !strings.HasSuffix(host, "."+twilio) {
		domains = append(domains, host)
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	if addr, err := netip.ParseAddr(host); host == "" || strings.HasPrefix(c.Listen, unixPrefix) || err == nil && addr.IsUnspecified() {
		return domains
	}
	return append(domains, host)
}
