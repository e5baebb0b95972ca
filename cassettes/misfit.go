package cassettes

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"
)

// decodeItem returns the interaction that n holds.
func decodeItem(n *yaml.Node) (*cassette.Interaction, *flaw) {
	var it *cassette.Interaction
	if err := n.Decode(&it); err != nil {
		if f := misfit(n, "", &cassette.Interaction{}); f != nil {
			return nil, f
		}
		p, mend := inWords(err)
		return nil, &flaw{n.Line, p, mend}
	}
	if place, p := problem(it); p != "" {
		line := n.Line
		for _, name := range place {
			if key, value := entry(n, name); key != nil {
				n, line = value, key.Line
			}
		}
		return nil, &flaw{line, p, mendField}
	}
	return it, nil
}

// problem returns what makes an interaction useless for replaying, or "", and the fields that lead there.
func problem(it *cassette.Interaction) (place []string, problem string) {
	switch {
	case it == nil:
		return nil, "it is null"
	case it.Request.Method == "":
		return []string{"request", "method"}, "request.method is missing"
	case it.Request.URL == "":
		return []string{"request", "url"}, "request.url is missing"
	case it.Response.Code == 0:
		return []string{"response", "code"}, "response.code is missing, or 0"
	case it.Response.Code < 200 || it.Response.Code > 999:
		return []string{"response", "code"}, fmt.Sprintf("response.code %d is no HTTP status of a final answer", it.Response.Code)
	}
	return nil, ""
}

// misfit finds the first value in n, the field called place, that does not fit what to points to.
func misfit(n *yaml.Node, place string, to any) *flaw {
	var fields []field
	switch to := to.(type) {
	case *cassette.Interaction:
		all := itemFields(to)
		fields = all[:]
	case *cassette.Request:
		fields = fieldsOfRequest(to)
	case *cassette.Response:
		fields = fieldsOfResponse(to)
	default:
		if n.Decode(to) == nil {
			return nil
		}
	}
	n = target(n)
	if fields == nil || n.Kind != yaml.MappingNode {
		if n.Tag == "!!null" {
			return nil
		}
		return misfitOf(n, place, to)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		for _, f := range fields {
			if f.name == n.Content[i].Value {
				if f := misfit(n.Content[i+1], strings.TrimPrefix(place+"."+f.name, "."), f.to); f != nil {
					return f
				}
			}
		}
	}
	return nil
}

// misfitOf says what n is, and what it must be.
func misfitOf(n *yaml.Node, place string, to any) *flaw {
	switch to.(type) {
	case *http.Header, *url.Values:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			switch value := target(n.Content[i+1]); {
			case value.Decode(&[]string{}) == nil:
			case value.Kind == yaml.SequenceNode:
				return &flaw{value.Line, place + ": the list of a name holds something that is no text", mendField}
			default:
				return &flaw{value.Line, place + ": the value of a name is " + kind(value) + ", and must be a list of texts", mendField}
			}
		}
		if n.Kind == yaml.MappingNode {
			return nil // it is something else, such as too many aliases
		}
	}
	return &flaw{n.Line, fmt.Sprintf("%s is %s, and must be %s", cmp.Or(place, "it"), kind(n), wanted(to)), mendField}
}

// target returns what an alias means, or n itself.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// kind says what a value is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!binary":
		return "no base64, which !!binary stands before"
	}
	return "text"
}

// wanted says what the value of a field must be.
func wanted(to any) string {
	switch to.(type) {
	case *string:
		return "text"
	case *[]string:
		return "a list of texts"
	case *http.Header, *url.Values:
		return "a mapping of names to lists of texts"
	case *int, *int64:
		return "a whole number"
	case *bool:
		return "true or false"
	case *time.Duration:
		return "a duration, such as 12.5ms"
	}
	return "a mapping of go-vcr's fields"
}
