package config

import (
	"net/http"
	"strings"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

func TestWhatIsTheSameRequestComesFromTheFileForAllCassettesOrForSome(t *testing.T) {
	file := write(t, "c.yaml", `
match:
  ignore: [Tags]
cassettes:
  auth/*:
    match:
      headers: [prefer]
  noise:
    match: {body: off}
  testdata/one.yaml: {match: {}}
`)
	c, err := load(t, Replay, file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	request := func(body, prefer string) *cassette.Request {
		return &cassette.Request{Method: "POST", URL: "/v2", Body: body, Headers: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Prefer": {prefer}}}
	}
	recorded := request("To=1&Tags=a", "x")
	for name, same := range map[string][3]bool{ // with other tags, with another number, with another header
		"":                  {true, false, true},
		"signup":            {true, false, true},
		"auth/login":        {false, false, false},
		"auth/sub/login":    {true, false, true},
		"noise":             {true, true, true},
		"testdata/one.yaml": {false, false, true},
	} {
		m := c.MatchFor(name)
		for i, other := range []*cassette.Request{request("To=1&Tags=b", "x"), request("To=2&Tags=a", "x"), request("To=1&Tags=a", "y")} {
			if got := m.Key(recorded) == m.Key(other); got != same[i] {
				t.Errorf("%q, request %d: the same: %t", name, i, got)
			}
		}
	}
}

func TestAWrongRuleOfWhatIsTheSameIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"match:\n  body: maybe\n":                              "c.yaml:2: match.body: the body is compared (on) or not (off)",
		"match:\n  body: true\n":                               "c.yaml:2: match.body: the body is compared (on) or not (off)",
		"match:\n  headers: Prefer\n":                          "c.yaml:2: match.headers: expected a list, got text",
		"match.headers:\n  - A\n  - Authorization\n":           "c.yaml:3: match.headers: Authorization is redacted on the tape, so it tells no requests apart",
		"match.headers: [Host]\n":                              "c.yaml:1: match.headers: Host is not that of a recorded call",
		"match.headers: [\"a b\"]\n":                           `c.yaml:1: match.headers: "a b" is no name of a header`,
		"match:\n  ignore:\n    - Tags\n    - a..b\n":          `c.yaml:4: match.ignore: "a..b" is neither the name of a field nor a path of JSON`,
		"match:\n  ignore: [7]\n":                              "c.yaml:2: match.ignore: expected text, got a number",
		"match:\n  ignores: [Tags]\n":                          "c.yaml:2: match.ignores: there is no such setting; the one that is most like it is match.ignore",
		"match: off\n":                                         "c.yaml:1: match: there is no such setting; the one that is most like it is match.",
		"cassettes: [a]\n":                                     "c.yaml:1: cassettes: expected a mapping, got a list",
		"cassettes:\n  a:\n    play: once\n":                   `c.yaml:3: cassettes: there is no setting "play" of a cassette; there is match`,
		"cassettes:\n  a:\n    match:\n      bodies: off\n":    "c.yaml:4: cassettes: there is no setting match.bodies; there are match.headers, match.ignore and match.body",
		"cassettes:\n  a:\n    match:\n      ignore: [\"\"]\n": `c.yaml:4: cassettes: "" is neither`,
		"cassettes:\n  a: {}\n  a: {}\n":                       "c.yaml:3: cassettes: a is set a second time; the first is in line 2",
		"cassettes:\n  \"[a\": {}\n":                           `c.yaml:2: cassettes: "[a" is no name of cassettes`,
	} {
		if _, err := load(t, Replay, write(t, "c.yaml", text), nil, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
