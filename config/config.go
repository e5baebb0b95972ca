// Package config is what a run is told: one Config, from defaults, then a YAML file, then the environment,
// then flags. It checks everything once, and knows nothing of what is done with it.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
	Listen    string   // HOST:PORT
	Upstream  *url.URL // where real calls go
	Cassette  string   // the file, "" for the built-in example
	Append    bool     // record: add to an existing cassette
	Overwrite bool     // record: replace an existing cassette
	Play      string   // last, once or loop
	LogFormat string   // console or json
	LogLevel  string   // debug, info, warn or error

	Latency cassettes.Latency // how long replayed answers take
	Faults  []fault.Rule      // none in record mode: a recording is of what upstream says
	Seed    uint64            // what Faults and the jitter of Latency are drawn from

	Redact *redact.Policy // what is redacted; only a file sets it
}

// Setting is one thing that a run can be told, by a flag, by the environment or in a file. Its name is that
// of the flag and of the key in the file.
type Setting struct {
	Name  string
	Value string // what the value is called in the help; "" for a switch, number for a number
	Usage string
	Modes []Mode // where its flag may be given; empty for all
	set   func(c *Config, value string) error
}

// Settings are all there are, in the order of the help. Each setter checks its value.
var Settings = []Setting{
	{"listen", "HOST:PORT", "address to listen on; port 0 takes a free one", nil, setListen},
	{"upstream", "URL", "where real calls go", nil, setUpstream},
	{"cassette", "FILE", "cassette to record to or to replay; replay without it serves a built-in example", nil, setText(func(c *Config) *string { return &c.Cassette })},
	{"append", "", "add to an existing cassette", []Mode{Record, Auto}, setSwitch(func(c *Config) *bool { return &c.Append })},
	{"overwrite", "", "replace an existing cassette, once the new recording has ended well", []Mode{Record}, setSwitch(func(c *Config) *bool { return &c.Overwrite })},
	{"play", "last|once|loop", "what answers a request whose interactions have all had their turn: the last again, none, the first again", nil, setWord(func(c *Config) *string { return &c.Play }, "last", "once", "loop")},
	{"latency", "none|recorded|DURATION[±JITTER]", "how long replayed answers take", nil, setLatency},
	{"fault", "RULE", "fault to inject, such as nth=3,drop or rate=0.1,status=429; may be given several times, the first that hits a request decides", []Mode{Replay, Auto, Passthrough}, addFault},
	{"seed", number, "what the requests that a rate hits, and jitter, are drawn from", []Mode{Replay, Auto, Passthrough}, setSeed},
	{"log-format", "console|json", "format of the log on standard error", nil, setWord(func(c *Config) *string { return &c.LogFormat }, "console", "json")},
	{"log-level", "debug|info|warn|error", "least level that is logged", nil, setWord(func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error")},
}

// number is what the value of a number is called.
const number = "NUMBER"

// lists has the settings that may be given several times, with what empties each. The values of one source take the
// place of all those of the sources before it.
var lists = map[string]func(*Config){
	"fault": func(c *Config) { c.Faults = nil },
}

// Many reports whether the setting may be given several times: as a flag again and again, in a file as a list, in
// the environment with ";" between the values. Its setter adds a value.
func (s Setting) Many() bool { return lists[s.Name] != nil }

// setAll applies all values that a source gives.
func (s Setting) setAll(c *Config, values []string) error {
	if empty := lists[s.Name]; empty != nil {
		empty(c)
	}
	for _, value := range values {
		if err := s.set(c, value); err != nil {
			return err
		}
	}
	return nil
}

// fromEnv returns the values in a variable of the environment.
func (s Setting) fromEnv(value string) []string {
	if !s.Many() {
		return []string{value}
	}
	var values []string
	for v := range strings.SplitSeq(value, ";") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// ForMode reports whether the setting's flag may be given in mode.
func (s Setting) ForMode(mode Mode) bool { return len(s.Modes) == 0 || slices.Contains(s.Modes, mode) }

// Env returns the name of the setting in the environment.
func (s Setting) Env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Default returns the setting's value when nothing sets it.
func (s Setting) Default() string { return defaults[s.Name] }

var defaults = map[string]string{
	"listen":     "127.0.0.1:4010",
	"upstream":   "https://verify.twilio.com",
	"play":       "last",
	"latency":    "none",
	"seed":       "1",
	"log-format": "console",
	"log-level":  "info",
}

// Sources are where a Config comes from.
type Sources struct {
	File   string                      // the YAML file; "" for DefaultFile, if it is there
	Getenv func(string) (string, bool) // the environment
	Flags  map[string][]string         // the values of the flags that were given, by name; of a switch "true" or "false"
}

// Load returns the Config of a run. Its error is a sentence that names where the wrong value stands.
func Load(mode Mode, from Sources) (*Config, error) {
	c := &Config{Mode: mode, Redact: &redact.Policy{}}
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
	case c.Mode == Record && c.Cassette == "":
		return errors.New("record needs a file to record to: name it with --cassette FILE")
	case c.Mode == Auto && c.Cassette == "":
		return errors.New("auto needs a file to replay and to record to: name it with --cassette FILE")
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
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func setListen(c *Config, value string) error {
	_, port, err := net.SplitHostPort(value)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("%q is no address; write HOST:PORT, such as 127.0.0.1:4010", value)
	} else if n == 0 && port != "0" {
		return fmt.Errorf("%q is no address; write HOST:PORT, such as 127.0.0.1:4010", value)
	}
	c.Listen = value
	return nil
}

// setUpstream does not repeat the value: it may hold a password.
func setUpstream(c *Config, value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the value is no URL of an upstream; write http://HOST or https://HOST, such as https://verify.twilio.com")
	case u.User != nil:
		return errors.New("the URL holds a user name or password; leave it out: the client's credentials are sent")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("the URL has a query or a fragment; leave it out")
	}
	c.Upstream = u
	return nil
}

func setLatency(c *Config, value string) (err error) {
	c.Latency, err = cassettes.ParseLatency(value)
	return err
}

func addFault(c *Config, value string) error {
	r, err := fault.Parse(value)
	if err == nil {
		c.Faults = append(c.Faults, r)
	}
	return err
}

func setSeed(c *Config, value string) error {
	seed, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no whole number from 0 up; write one such as 1", value)
	}
	c.Seed = seed
	return nil
}

func setText(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func setSwitch(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		*field(c) = on
		return nil
	}
}

func setWord(field func(*Config) *string, words ...string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if !slices.Contains(words, value) {
			last := len(words) - 1
			return fmt.Errorf("%q is none of %s and %s", value, strings.Join(words[:last], ", "), words[last])
		}
		*field(c) = value
		return nil
	}
}
