package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

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
	{"listen", "HOST:PORT|unix:PATH", "address or Unix socket to listen on; port 0 takes a free one", nil, setListen},
	{"tls", "", "speak TLS, with certificates of the local CA, which \"twilio-vcr ca\" prints", nil, setSwitch(func(c *Config) *bool { return &c.TLS })},
	{"upstream", "URL", "where real calls go", nil, setUpstream},
	{"tunnel", "HOST", "host beside upstream's that clients may reach through the proxy with CONNECT, unseen; may be given several times", []Mode{Record, Auto, Passthrough}, addTunnel},
	{"cassette", "FILE", "cassette to record to or to replay; replay without it serves a built-in example", nil, setText(func(c *Config) *string { return &c.Cassette })},
	{"cassette-dir", "FOLDER", "folder of the cassettes of sessions: what names the session NAME is recorded to, or replayed from, NAME.yaml in it", nil, setText(func(c *Config) *string { return &c.Folder })},
	{"append", "", "add to an existing cassette", []Mode{Record, Auto}, setSwitch(func(c *Config) *bool { return &c.Append })},
	{"overwrite", "", "replace an existing cassette, once the new recording has ended well", []Mode{Record}, setSwitch(func(c *Config) *bool { return &c.Overwrite })},
	{"play", "last|once|loop", "what answers a request whose interactions have all had their turn: the last again, none, the first again", nil, setWord(func(c *Config) *string { return &c.Play }, "last", "once", "loop")},
	{"latency", "none|recorded|DURATION[±JITTER]", "how long replayed answers take", nil, setLatency},
	{"fault", "RULE", "fault to inject, such as nth=3,drop or rate=0.1,status=429; may be given several times, the first that hits a request decides", []Mode{Replay, Auto, Passthrough}, addFault},
	{"seed", number, "what the requests that a rate hits, and jitter, are drawn from", []Mode{Replay, Auto, Passthrough}, setSeed},
	{"strict", "", "end with exit code 4 if a request was not answered, with 5 if an interaction was not used, and list both", []Mode{Replay, Auto}, setSwitch(func(c *Config) *bool { return &c.Strict })},
	{"report", "FILE", "file to write what was missed and not used to, as JSON, or as JUnit XML if its name ends in .xml", nil, setText(func(c *Config) *string { return &c.Report })},
	{"mark", "", "say in headers of all answers how they came about", nil, setSwitch(func(c *Config) *bool { return &c.Mark })},
	{"max-age", "DURATION", "age, such as 720h, from which interactions are recorded afresh, or warned of in a replay", []Mode{Record, Replay, Auto}, setMaxAge},
	{"max-live-calls", number, "how many calls may be sent to upstream", []Mode{Record, Auto}, setMaxLive},
	{"allow", "CALL", "call that may be sent to upstream, such as \"POST /v2/Services/*/Verifications\"; may be given several times, all others are refused", []Mode{Record, Auto}, addAllowed},
	{"skip-status", "LIST", "answers that are left off the cassette, such as 429,5xx", []Mode{Record, Auto}, setSkipped},
	{"log-format", "console|json", "format of the log on standard error", nil, setWord(func(c *Config) *string { return &c.LogFormat }, "console", "json")},
	{"log-level", "debug|info|warn|error", "least level that is logged", nil, setWord(func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error")},
}

// number is what the value of a number is called.
const number = "NUMBER"

// lists has the settings that may be given several times, with what empties each. The values of one source take the
// place of all those of the sources before it.
var lists = map[string]func(*Config){
	"fault":  func(c *Config) { c.Faults = nil },
	"allow":  func(c *Config) { c.Allow = nil },
	"tunnel": func(c *Config) { c.Tunnel = nil },
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

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

func setListen(c *Config, value string) error {
	if path, ok := strings.CutPrefix(value, unixPrefix); ok {
		if path == "" || path[0] == '@' || strings.Contains(path, "\x00") { // with @ it would be no file, and anybody could reach it
			return fmt.Errorf("%q is no Unix socket; write unix:PATH, such as unix:/tmp/vcr.sock", value)
		}
		c.Listen = value
		return nil
	}
	_, port, err := net.SplitHostPort(value)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || n == 0 && port != "0" {
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

func addTunnel(c *Config, value string) error {
	if value == "" || strings.ContainsAny(value, ":/ *") {
		return fmt.Errorf("%q is no host; write its name alone, such as api.example.com", value)
	}
	c.Tunnel = append(c.Tunnel, value)
	return nil
}

func setMaxAge(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no age; write a duration such as 720h, which is 30 days", value)
	}
	c.MaxAge = d
	return nil
}

func setMaxLive(c *Config, value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is no whole number from 0 up; write one such as 100", value)
	}
	c.MaxLive = int(n)
	return nil
}

func addAllowed(c *Config, value string) error {
	r, err := cassettes.ParseRoute(value)
	if err == nil {
		c.Allow = append(c.Allow, r)
	}
	return err
}

func setSkipped(c *Config, value string) (err error) {
	c.Skip, err = cassettes.ParseStatuses(value)
	return err
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
