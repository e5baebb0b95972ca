package config

import (
	"errors"
	"fmt"
	"path"

	"gopkg.in/yaml.v3"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
)

// CassetteRules is what a file says of some cassettes:
//
//	match:
//	  headers: [Prefer]
//	  ignore: [Tags, "$.meta.id"]
//	cassettes:
//	  auth/*:
//	    match:
//	      body: off
type CassetteRules struct {
	Name  string // of sessions, or a cassette's file as it was given, with the wildcards of path.Match
	Match cassettes.Match
}

// MatchFor returns what is the same request for the cassette of the session name, or for the file that was given:
// what the first of Cassettes says that has it, or else Match.
func (c *Config) MatchFor(name string) cassettes.Match {
	for _, r := range c.Cassettes {
		if ok, _ := path.Match(r.Name, name); ok {
			return r.Match
		}
	}
	return c.Match
}

// matchRules are the settings of a mapping "match".
var matchRules = map[string]func(*cassettes.Match, *yaml.Node) error{
	"headers": list(word((*cassettes.Match).AddHeader)),
	"ignore":  list(word((*cassettes.Match).Ignore)),
	"body": func(m *cassettes.Match, n *yaml.Node) error {
		s, err := text(n)
		if err != nil {
			return errors.New("the body is compared (on) or not (off)")
		}
		return m.SetBody(s)
	},
}

// setCassettes applies the mapping "cassettes".
func (c *Config) setCassettes(n *yaml.Node) error {
	return eachPair(n, func(name, value *yaml.Node) error {
		r := CassetteRules{Name: name.Value}
		if _, err := path.Match(name.Value, ""); err != nil {
			return fmt.Errorf("%q is no name of cassettes: a [ or a \\ in it is never closed", name.Value)
		}
		err := eachPair(value, func(key, value *yaml.Node) error {
			if key.Value != "match" {
				return fmt.Errorf("there is no setting %q of a cassette; there is match", key.Value)
			}
			return eachPair(value, func(key, value *yaml.Node) error {
				set := matchRules[key.Value]
				if set == nil {
					return fmt.Errorf("there is no setting match.%s; there are match.headers, match.ignore and match.body", key.Value)
				}
				return set(&r.Match, value)
			})
		})
		c.Cassettes = append(c.Cassettes, r)
		return err
	})
}

// eachPair applies the pairs of a mapping. Its error has the line of the pair that is wrong.
func eachPair(mapping *yaml.Node, set func(key, value *yaml.Node) error) error {
	if mapping.Kind != yaml.MappingNode {
		return lineError{mapping.Line, fmt.Errorf("expected a mapping, got %s", kinds[mapping.Tag])}
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if line, again := seen[key.Value]; again {
			return lineError{key.Line, fmt.Errorf("%s is set a second time; the first is in line %d", key.Value, line)}
		}
		seen[key.Value] = key.Line
		if err := set(key, value); err != nil {
			var at lineError
			if errors.As(err, &at) {
				return err
			}
			return lineError{key.Line, err}
		}
	}
	return nil
}
