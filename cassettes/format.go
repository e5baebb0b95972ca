package cassettes

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// The format is go-vcr's version 2, with comments that go-vcr passes over:
//
//	# twilio-vcr cassette            a file that must end with an end mark
//	---
//	version: 2
//	interactions:
//	###                              a separator
//	    - id: 0                      an interaction, from here to its mark
//	      request: …
//	      response: …
//	    # recorded 2026-11-23T18:28:17Z, crc32c 1a2b3c4d
//	###
//	    - id: 1
//	      …
//	# end: 2 interactions            written when the recording is stopped in order
//
// A separator is written as "...", which ends a YAML document, and becomes "###" when all that follows
// it has been written. A process killed in between leaves a file in which every YAML reader sees the
// interactions before it and nothing else.
const (
	magic     = "# twilio-vcr cassette"
	header    = magic + "\n---\nversion: 2\ninteractions:\n"
	pending   = "..."
	committed = "###"
	staleEnd  = "# old" // takes the place of "# end" in a mark that is not the end any more
	// stockDash is the column of an interaction's dash in what go-vcr writes, and so in ours.
	stockDash = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(text string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), castagnoli))
}

// recordedMark closes the interaction that is written as text.
func recordedMark(at time.Time, text string) string {
	return fmt.Sprintf("# recorded %s, crc32c %s", at.UTC().Format(time.RFC3339), checksum(text))
}

func parseRecordedMark(line string) (at time.Time, sum string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "# recorded ")
	if !ok {
		return at, "", false
	}
	when, sum, ok := strings.Cut(rest, ", crc32c ")
	at, err := time.Parse(time.RFC3339, when)
	return at, sum, err == nil && ok && len(sum) == 8
}

func endMark(count int) string { return fmt.Sprintf("# end: %d interactions", count) }

func parseEndMark(line string) (count int, ok bool) {
	rest, ok := strings.CutPrefix(line, "# end: ")
	if !ok {
		return 0, false
	}
	digits, ok := strings.CutSuffix(rest, " interactions")
	count, err := strconv.Atoi(digits)
	return count, ok && err == nil
}

// item returns interaction number id, which encode has encoded as rest, and its mark.
func item(dash, id int, rest []byte, recorded time.Time) []byte {
	indent := strings.Repeat(" ", dash)
	text := append([]byte(indent+"- id: "+strconv.Itoa(id)+"\n"), rest...)
	return append(text, indent+recordedMark(recorded, string(text))+"\n"...)
}

// field is one of go-vcr's fields: its name on the tape, and a pointer to its value.
type field struct {
	name string
	to   any
}

// itemFields, requestFields and responseFields are go-vcr's fields in go-vcr's order.
func itemFields(it *cassette.Interaction) [3]field {
	return [...]field{{"id", &it.ID}, {"request", &it.Request}, {"response", &it.Response}}
}

func requestFields(r *cassette.Request) [14]field {
	return [...]field{
		{"proto", &r.Proto},
		{"proto_major", &r.ProtoMajor},
		{"proto_minor", &r.ProtoMinor},
		{"content_length", &r.ContentLength},
		{"transfer_encoding", &r.TransferEncoding},
		{"trailer", &r.Trailer},
		{"host", &r.Host},
		{"remote_addr", &r.RemoteAddr},
		{"request_uri", &r.RequestURI},
		{"body", &r.Body},
		{"form", &r.Form},
		{"headers", &r.Headers},
		{"url", &r.URL},
		{"method", &r.Method},
	}
}

func responseFields(r *cassette.Response) [12]field {
	return [...]field{
		{"proto", &r.Proto},
		{"proto_major", &r.ProtoMajor},
		{"proto_minor", &r.ProtoMinor},
		{"transfer_encoding", &r.TransferEncoding},
		{"trailer", &r.Trailer},
		{"content_length", &r.ContentLength},
		{"uncompressed", &r.Uncompressed},
		{"body", &r.Body},
		{"headers", &r.Headers},
		{"status", &r.Status},
		{"code", &r.Code},
		{"duration", &r.Duration},
	}
}

// encode returns it as an item of the list in a cassette, its dash in column dash, without its first
// line, "- id: N", which item puts before it when the number is known.
//
// It makes a tree of nodes, and does not leave go-vcr's types to yaml.Marshal, because yaml.v3 gives some
// strings a style that it can't read back.
func encode(it *cassette.Interaction, dash int) ([]byte, error) {
	fields := itemFields(it)
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{mapping(fields[:])}})
	if err != nil {
		return nil, fmt.Errorf("encode an interaction as YAML: %w", err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n"))
	indent := bytes.Repeat([]byte(" "), dash)
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.Write(indent)
		out.Write(line)
	}
	return out.Bytes(), nil
}

// checkText returns an error that names the place if redaction has left something in the text of an interaction,
// as encode returns it. Numbers of the HTTP message are passed over: a length may be the same as a code.
func checkText(found *redact.Found, text string) error {
	var blanked strings.Builder
	blanked.Grow(len(text))
	previous := ""
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimLeft(line, " "), ": ")
		if slices.Contains(numberFields, name) || previous == "Content-Length:" {
			line = strings.Repeat(" ", len(line)-1) + "\n"
		}
		previous = strings.TrimSpace(line)
		blanked.WriteString(line)
	}
	err := found.Check(blanked.String())
	var leak *redact.Leak
	if errors.As(err, &leak) {
		return fmt.Errorf("%s: %w; it can be taken out by a rule of yours, see \"redact\" in the README", placeOf(text, leak.At), err)
	}
	return err
}

// numberFields are go-vcr's fields that are numbers.
var numberFields = func() (names []string) {
	for _, f := range slices.Concat(fieldsOfRequest(&cassette.Request{}), fieldsOfResponse(&cassette.Response{})) {
		switch f.to.(type) {
		case *int, *int64, *time.Duration:
			names = append(names, f.name)
		}
	}
	return names
}()

func fieldsOfRequest(r *cassette.Request) []field   { all := requestFields(r); return all[:] }
func fieldsOfResponse(r *cassette.Response) []field { all := responseFields(r); return all[:] }

// placeOf returns the names of go-vcr's fields that lead to the byte at of an encoded interaction, such as
// response.body.
func placeOf(text string, at int) string {
	side, name := "", ""
	first := len(text) - len(strings.TrimLeft(text, " "))
	for line := range strings.Lines(text[:at]) {
		inner := strings.TrimLeft(line, " ")
		field, _, ok := strings.Cut(inner, ":")
		switch column := len(line) - len(inner); {
		case !ok:
		case column == first:
			side, name = field, ""
		case column == first+2:
			name = field
		}
	}
	return strings.TrimSuffix(side+"."+name, ".")
}

func mapping(fields []field) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields {
		n.Content = append(n.Content, text(f.name), node(f.to))
	}
	return n
}

func node(value any) *yaml.Node {
	switch v := value.(type) {
	case *string:
		return text(*v)
	case *[]string:
		return list(*v)
	case *http.Header:
		return lists(*v)
	case *url.Values:
		return lists(*v)
	case *cassette.Request:
		fields := requestFields(v)
		return mapping(fields[:])
	case *cassette.Response:
		fields := responseFields(v)
		return mapping(fields[:])
	case *int:
		return number(*v)
	case *int64:
		return number(*v)
	case *bool:
		return number(*v)
	case *time.Duration:
		return number(*v)
	}
	return nil // unreachable: the fields have no other types
}

// text returns s in a style that every YAML reader gives back byte for byte: on one line, plain or in
// single quotes where people can read it so, in double quotes with escapes where it has control
// characters or line breaks, in base64 where it is not UTF-8.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case !utf8.ValidString(s):
		n.Tag, n.Value = "!!binary", base64.StdEncoding.EncodeToString([]byte(s))
	case s == "<<", strings.ContainsFunc(s, needsEscape): // as a name, a plain << means a merge
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// needsEscape reports whether a YAML reader could refuse or change r where it stands unescaped:
// control characters, the line breaks of YAML 1.1, the byte order mark, noncharacters.
func needsEscape(r rune) bool {
	switch {
	case r < ' ', 0x7f <= r && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff', r == '\ufffe', r == '\uffff':
		return true
	}
	return false
}

// number returns a value that YAML needs no quotes for.
func number(v any) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}
}

func list(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if len(values) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, v := range values {
		n.Content = append(n.Content, text(v))
	}
	return n
}

func lists(values map[string][]string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if len(values) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		n.Content = append(n.Content, text(k), list(values[k]))
	}
	return n
}
