package cassettes

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// decoder reads interactions from their text on the tape. It knows the YAML that we and go-vcr write nearly
// always: a field a line, and scalars on one line. It is many times as fast as the YAML reader, and what it
// returns shares the memory of the text.
type decoder struct {
	rest  string // the lines that are still to read
	dash  int    // the column of the interaction's dash
	first bool   // the next line has the dash
}

// decode reads an interaction whose dash is in column dash. It reports false for what it does not know,
// which the YAML reader decides.
func decode(text string, dash int) (*cassette.Interaction, bool) {
	d := decoder{rest: text, dash: dash, first: true}
	it := &cassette.Interaction{}
	fields := itemFields(it)
	ok := d.record(dash+2, fields[:])
	return it, ok && d.rest == ""
}

// record reads the fields that are indented by indent into what fields points to.
func (d *decoder) record(indent int, fields []field) bool {
	return d.fields(indent, func(name, value string) bool {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			return false
		}
		to := fields[i].to
		fields[i].to = nil // a name that comes a second time is an error in YAML
		return d.set(value, to)
	})
}

// set reads into to the value of a field, of which it gets what stands behind the colon.
func (d *decoder) set(value string, to any) (ok bool) {
	switch to := to.(type) {
	case *string:
		*to, ok = scalar(value)
		return ok
	case *[]string:
		return d.list(value, d.dash+8, to)
	case *http.Header:
		return d.lists(value, (*map[string][]string)(to))
	case *url.Values:
		return d.lists(value, (*map[string][]string)(to))
	case *cassette.Request:
		fields := requestFields(to)
		return value == "" && d.record(d.dash+4, fields[:])
	case *cassette.Response:
		fields := responseFields(to)
		return value == "" && d.record(d.dash+4, fields[:])
	case *int:
		n, err := strconv.Atoi(value)
		*to = n
		return err == nil && strconv.Itoa(n) == value // not "07", which is another number in YAML
	case *int64:
		n, err := strconv.ParseInt(value, 10, 64)
		*to = n
		return err == nil && strconv.FormatInt(n, 10) == value
	case *bool:
		*to = value == "true"
		return value == "true" || value == "false"
	case *time.Duration:
		duration, err := time.ParseDuration(value)
		*to = duration
		return err == nil && strings.HasSuffix(value, "s") // a bare 0 is a number for YAML, and no duration
	}
	return false
}

// fields reads the fields that are indented by indent, up to a line that is indented less, and gives each
// to set with the text behind its colon. It reports false if there is none, or one that it does not know.
func (d *decoder) fields(indent int, set func(name, value string) bool) bool {
	for seen := false; ; seen = true {
		line, ok := d.peek(indent)
		if !ok {
			return seen
		}
		name, value, ok := d.field(line)
		if !ok || !set(name, value) {
			return false
		}
	}
}

// peek returns the next line without its indentation and its line break, if it is indented by indent.
// Comments and blank lines it leaves to the YAML reader.
func (d *decoder) peek(indent int) (string, bool) {
	line, _, _ := strings.Cut(d.rest, "\n")
	if len(line) <= indent || line[indent] == ' ' {
		return "", false
	}
	before := line[:indent]
	if d.first {
		var dash bool
		if before, dash = strings.CutSuffix(before, "- "); !dash {
			return "", false
		}
	}
	return line[indent:], strings.Trim(before, " ") == ""
}

// next takes the line that peek has returned off rest.
func (d *decoder) next() {
	d.first = false
	_, d.rest, _ = strings.Cut(d.rest, "\n")
}

// maxName is how long a name may be, with quotes and escapes; a name of YAML's has an end too.
const maxName = 1000

// field takes a line apart at its colon, and takes it off rest.
func (d *decoder) field(line string) (name, value string, ok bool) {
	d.next()
	if line[0] == '"' || line[0] == '\'' {
		i := strings.LastIndex(line, string(line[0])+":")
		if i < 1 || i > maxName {
			return "", "", false
		}
		if name, ok = scalar(line[:i+1]); !ok || strings.TrimLeft(line[i+2:], " ") != "" {
			return "", "", false // a quoted name with a value beside it is not written by us
		}
		return name, "", true
	}
	name, value, ok = strings.Cut(line, ":")
	if !ok || value != "" && value[0] != ' ' || len(name) > maxName || !isPrintable(name) || !isPlain(name) {
		return "", "", false
	}
	return name, strings.TrimPrefix(value, " "), true
}

// list reads the items that are indented by indent, or an empty list behind the colon.
func (d *decoder) list(value string, indent int, to *[]string) bool {
	if value == "[]" {
		return true
	}
	if value != "" {
		return false
	}
	for {
		line, ok := d.peek(indent)
		if !ok {
			return *to != nil
		}
		item, isItem := strings.CutPrefix(line, "- ")
		s, ok := scalar(item)
		if !isItem || !ok {
			return false
		}
		*to = append(*to, s)
		d.next()
	}
}

// lists reads a mapping of names to lists, as headers and forms are, or an empty one behind the colon.
func (d *decoder) lists(value string, to *map[string][]string) bool {
	if value == "{}" {
		return true
	}
	*to = map[string][]string{}
	return value == "" && d.fields(d.dash+8, func(name, value string) bool {
		if _, twice := (*to)[name]; twice {
			return false
		}
		var list []string
		ok := d.list(value, d.dash+12, &list)
		(*to)[name] = list
		return ok
	})
}

// scalar reads a scalar on one line: plain, in quotes, or in base64.
func scalar(s string) (string, bool) {
	switch {
	case s == "" || !isPrintable(s):
		return "", false
	case s[0] == '\'':
		return singleQuoted(s)
	case s[0] == '"':
		return doubleQuoted(s)
	case strings.HasPrefix(s, "!!binary "):
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "!!binary "))
		return string(b), err == nil && len(b) > 0
	}
	return s, isPlain(s)
}

// isPlain reports whether s, which is printable, is a plain scalar that is a string for YAML, or reads as
// one. It says no to much that is one too.
func isPlain(s string) bool {
	if s == "" || strings.ContainsAny(s[:1], " -?:,[]{}#&*!|>'\"%@`~.") || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ':' && s[i+1] == ' ' || c == '#' && s[i-1] == ' ' {
			return false
		}
	}
	return !strings.EqualFold(s, "null") && s != "<<"
}

func singleQuoted(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != '\'' {
		return "", false
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, "'") {
		return s, true
	}
	alone := strings.Contains(strings.ReplaceAll(s, "''", ""), "'") // a quote that is not doubled
	return strings.ReplaceAll(s, "''", "'"), !alone
}

// isPrintable reports whether all of s may stand in a YAML file as it is.
func isPrintable(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && width == 1 || needsEscape(r) {
			return false
		}
		i += width
	}
	return true
}

// escapes are those of YAML's double-quoted scalars that stand for one character.
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	'"': "\"", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// hexEscapes are those that the hexadecimal digits of a code point follow, and how many.
var hexEscapes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func doubleQuoted(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	var out strings.Builder
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			out.WriteString(s)
			return out.String(), true
		}
		out.WriteString(s[:i])
		s = s[i:]
		if s[0] == '"' || len(s) < 2 {
			return "", false
		}
		if char, ok := escapes[s[1]]; ok {
			out.WriteString(char)
			s = s[2:]
			continue
		}
		digits := hexEscapes[s[1]]
		if digits == 0 || len(s) < 2+digits {
			return "", false
		}
		code, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return "", false
		}
		out.WriteRune(rune(code))
		s = s[2+digits:]
	}
}
