package config

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// rules are the lists of a file that say what is redacted beside what always is:
//
//	redact:
//	  sids: all
//	  headers: [X-Tenant]
//	  fields: [customer_ref]
//	  json: ["$.links[*].owner"]
//	  pattern:
//	    - match: 'cust-\d+'
//	      with: cust-0
//	  allow: [tags]
var rules = []struct {
	name string
	set  func(*redact.Policy, *yaml.Node) error
}{
	{"redact.sids", sids},
	{"redact.headers", list(word((*redact.Policy).AddHeader))},
	{"redact.fields", list(word((*redact.Policy).AddField))},
	{"redact.json", list(word((*redact.Policy).AddJSON))},
	{"redact.pattern", list(pattern)},
	{"redact.allow", list(word((*redact.Policy).Allow))},
}

// list applies the entries of a list with add. Its error has the line of the entry that is wrong.
func list[T any](add func(T, *yaml.Node) error) func(T, *yaml.Node) error {
	return func(to T, value *yaml.Node) error {
		if value.Kind != yaml.SequenceNode {
			return lineError{value.Line, fmt.Errorf("expected a list, got %s", kinds[value.Tag])}
		}
		for _, entry := range value.Content {
			if err := add(to, entry); err != nil {
				return lineError{entry.Line, err}
			}
		}
		return nil
	}
}

// lineError is an error whose line is not that of the setting.
type lineError struct {
	line int
	error
}

func text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		return "", fmt.Errorf("expected text, got %s", kinds[n.Tag])
	}
	return n.Value, nil
}

// word applies a text with add.
func word[T any](add func(T, string) error) func(T, *yaml.Node) error {
	return func(to T, n *yaml.Node) error {
		s, err := text(n)
		if err != nil {
			return err
		}
		return add(to, s)
	}
}

func sids(p *redact.Policy, n *yaml.Node) error {
	switch s, err := text(n); {
	case err != nil:
		return lineError{n.Line, err}
	case s == "all":
		p.AllSIDs()
	case s != "credentials":
		return lineError{n.Line, fmt.Errorf("%q is none of credentials and all", s)}
	}
	return nil
}

func pattern(p *redact.Policy, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("expected \"match: EXPRESSION\" and \"with: REPLACEMENT\", got %s", kinds[n.Tag])
	}
	given := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if key != "match" && key != "with" {
			return fmt.Errorf("a pattern has no %q; it has match and with", key)
		}
		s, err := text(n.Content[i+1])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		given[key] = s
	}
	with, ok := given["with"]
	if given["match"] == "" || !ok {
		return errors.New("a pattern needs match, a regular expression, and with, what takes the place of what it finds")
	}
	return p.AddPattern(given["match"], with)
}
