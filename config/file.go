package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/xrash/smetrics"
	"gopkg.in/yaml.v3"
)

// loadFile applies the settings of a YAML file, a mapping of names to values:
//
//	cassette: testdata/login.yaml
//	play: once
//	append: true
//
// What is redacted, what is the same request, and what holds for some cassettes only are mappings of their own: see
// rules and CassetteRules.
func (c *Config) loadFile(file string) error {
	named := file != ""
	if !named {
		file = DefaultFile
	}
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no configuration file %s: check --config", file)
	case err != nil:
		return fmt.Errorf("read the configuration: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%s:%s", file, yamlPrefix.ReplaceAllString(err.Error(), "$1 "))
	}
	if doc.Kind == 0 || doc.Content[0].Tag == "!!null" {
		return nil // an empty file sets nothing
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: this is no list of settings; write one \"name: value\" a line", file, top.Line)
	}
	return c.setNodes(file, "", top, map[string]int{})
}

// setNodes applies the settings of a mapping, whose names begin with prefix. Seen has the lines of those before.
func (c *Config) setNodes(file, prefix string, mapping *yaml.Node, seen map[string]int) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		if line, again := seen[name]; again {
			return fmt.Errorf("%s:%d: %s is set a second time; the first is in line %d", file, key.Line, name, line)
		}
		seen[name] = key.Line
		if (name == "redact" || name == "match") && value.Kind == yaml.MappingNode {
			if err := c.setNodes(file, name+".", value, seen); err != nil {
				return err
			}
			continue
		}
		if err := c.setNode(name, value); err != nil {
			line := key.Line
			var at lineError
			if errors.As(err, &at) {
				line = at.line
			}
			return fmt.Errorf("%s:%d: %s: %w", file, line, name, err)
		}
	}
	return nil
}

// yamlPrefix begins the errors of yaml.v3.
var yamlPrefix = regexp.MustCompile(`^yaml: (?:line (\d+:) )?`)

func (c *Config) setNode(name string, value *yaml.Node) error {
	for _, r := range rules {
		if r.name == name {
			return r.set(c.Redact, value)
		}
	}
	if set := matchRules[strings.TrimPrefix(name, "match.")]; set != nil && strings.HasPrefix(name, "match.") {
		return set(&c.Match, value)
	}
	if name == "cassettes" {
		return c.setCassettes(value)
	}
	for _, s := range Settings {
		if s.Name == name {
			return c.setSetting(s, value)
		}
	}
	return unknown(name)
}

// setSetting applies a setting; for a list, the error has the line of the entry that is wrong.
func (c *Config) setSetting(s Setting, value *yaml.Node) error {
	if empty := lists[s.Name]; empty != nil && value.Kind == yaml.SequenceNode {
		empty(c)
		return list(word(s.set))(c, value)
	}
	want := []string{"!!str"}
	switch s.Value {
	case "":
		want = []string{"!!bool"}
	case number:
		want = []string{"!!int", "!!float"} // the setter says what is wrong with a broken one
	}
	if value.Kind != yaml.ScalarNode || !slices.Contains(want, value.Tag) {
		return fmt.Errorf("expected %s, got %s", kinds[want[0]], kinds[value.Tag])
	}
	return s.setAll(c, []string{value.Value})
}

// kinds are how messages call the tags of YAML.
var kinds = map[string]string{
	"!!str":       "text",
	"!!bool":      "true or false",
	"!!int":       "a number",
	"!!float":     "a number",
	"!!null":      "nothing",
	"!!seq":       "a list",
	"!!map":       "a mapping",
	"!!timestamp": "a date",
	"!!binary":    "binary data",
	"":            "an alias",
}

// unknown says that there is no setting with that name, and which one is most like it.
func unknown(name string) error {
	likest, best := "", 0.0
	for _, other := range names() {
		if alike := smetrics.JaroWinkler(strings.ToLower(name), other, 0.7, 4); alike > best {
			likest, best = other, alike
		}
	}
	return fmt.Errorf("there is no such setting; the one that is most like it is %s", likest)
}

func names() []string {
	all := []string{"cassettes"}
	for _, s := range Settings {
		all = append(all, s.Name)
	}
	for _, r := range rules {
		all = append(all, r.name)
	}
	for _, name := range slices.Sorted(maps.Keys(matchRules)) {
		all = append(all, "match."+name)
	}
	return all
}
