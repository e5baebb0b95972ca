package cassettes

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
)

// decoder reads interactions from their text on the tape. It knows the YAML that we and go-vcr write nearly
// always: a field a line, and scalars on one line. It is many times as fast as the YAML reader, and what it
// returns shares the memory of the text. It may be used again and again, but not concurrently.
type decoder struct {
	rest   string   // the lines that are still to read
	dash   int      // the column of the interaction's dash
	first  bool     // the next line has the dash
	failed bool     // this is not what it knows
	seen   []string // the names of the fields in the mappings at hand
}

// decode reads one interaction. It reports false for what it does not know, which the YAML reader decides.
func (d *decoder) decode(text string, dash int) (*cassette.Interaction, bool) {
	*d = decoder{rest: text, dash: dash, first: true, seen: d.seen[:0]}
	it := &cassette.Interaction{}
	ok := d.record(dash+2, func(name, value string) bool {
		switch name {
		case "id":
			return d.integer(value, &it.ID)
		case "request":
			return value == "" && d.record(dash+4, func(name, value string) bool { return d.request(&it.Request, name, value) })
		case "response":
			return value == "" && d.record(dash+4, func(name, value string) bool { return d.response(&it.Response, name, value) })
		}
		return false
	})
	return it, ok && d.rest == ""
}

// record is fields for a mapping in which no name may come a second time, as YAML demands.
func (d *decoder) record(indent int, set func(name, value string) bool) bool {
	outer := len(d.seen)
	ok := d.fields(indent, func(name, value string) bool {
		if slices.Contains(d.seen[outer:], name) {
			return false
		}
		d.seen = append(d.seen, name)
		return set(name, value)
	})
	d.seen = d.seen[:outer]
	return ok
}

// fields reads the fields that are indented by indent, up to a line that is indented less, and gives each
// to set with the text behind its colon.
func (d *decoder) fields(indent int, set func(name, value string) bool) bool {
	seen := 0
	for {
		line, ok := d.peek(indent)
		if !ok {
			break
		}
		name, value, ok := d.field(line)
		if !ok || !set(name, value) {
			d.failed = true
			break
		}
		seen++
	}
	return !d.failed && seen > 0
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

// field takes a line apart at its colon, and takes it off rest.
func (d *decoder) field(line string) (name, value string, ok bool) {
	d.next()
	if line[0] == '"' || line[0] == '\'' {
		i := strings.LastIndex(line, string(line[0])+":")
		if i < 1 {
			return "", "", false
		}
		if name, ok = scalar(line[:i+1]); !ok || strings.TrimLeft(line[i+2:], " ") != "" {
			return "", "", false // a quoted name with a value beside it is not written by us
		}
		return name, "", true
	}
	name, value, ok = strings.Cut(line, ":")
	if !ok || value != "" && value[0] != ' ' || !isPrintable(line) || !isPlain(name) {
		return "", "", false
	}
	return name, strings.TrimPrefix(value, " "), true
}

func (d *decoder) request(r *cassette.Request, name, value string) bool {
	switch name {
	case "proto":
		return d.text(value, &r.Proto)
	case "proto_major":
		return d.integer(value, &r.ProtoMajor)
	case "proto_minor":
		return d.integer(value, &r.ProtoMinor)
	case "content_length":
		return d.long(value, &r.ContentLength)
	case "transfer_encoding":
		return d.list(value, d.dash+8, &r.TransferEncoding)
	case "trailer":
		return d.lists(value, (*map[string][]string)(&r.Trailer))
	case "host":
		return d.text(value, &r.Host)
	case "remote_addr":
		return d.text(value, &r.RemoteAddr)
	case "request_uri":
		return d.text(value, &r.RequestURI)
	case "body":
		return d.text(value, &r.Body)
	case "form":
		return d.lists(value, (*map[string][]string)(&r.Form))
	case "headers":
		return d.lists(value, (*map[string][]string)(&r.Headers))
	case "url":
		return d.text(value, &r.URL)
	case "method":
		return d.text(value, &r.Method)
	}
	return false
}

func (d *decoder) response(r *cassette.Response, name, value string) bool {
	switch name {
	case "proto":
		return d.text(value, &r.Proto)
	case "proto_major":
		return d.integer(value, &r.ProtoMajor)
	case "proto_minor":
		return d.integer(value, &r.ProtoMinor)
	case "transfer_encoding":
		return d.list(value, d.dash+8, &r.TransferEncoding)
	case "trailer":
		return d.lists(value, (*map[string][]string)(&r.Trailer))
	case "content_length":
		return d.long(value, &r.ContentLength)
	case "uncompressed":
		r.Uncompressed = value == "true"
		return value == "true" || value == "false"
	case "body":
		return d.text(value, &r.Body)
	case "headers":
		return d.lists(value, (*map[string][]string)(&r.Headers))
	case "status":
		return d.text(value, &r.Status)
	case "code":
		return d.integer(value, &r.Code)
	case "duration":
		duration, err := time.ParseDuration(value)
		r.Duration = duration
		return err == nil && strings.HasSuffix(value, "s") // a bare 0 is a number for YAML, and no duration
	}
	return false
}

func (d *decoder) text(value string, to *string) (ok bool) {
	*to, ok = scalar(value)
	return ok
}

func (d *decoder) integer(value string, to *int) bool {
	n, err := strconv.Atoi(value)
	*to = n
	return err == nil && strconv.Itoa(n) == value // not "07", which is another number in YAML
}

func (d *decoder) long(value string, to *int64) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	*to = n
	return err == nil && strconv.FormatInt(n, 10) == value
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

// isPlain reports whether s, which is printable, is a plain scalar that is a string for YAML, or reads as one. It says no to much
// that is one too.
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
	plain := strings.ReplaceAll(s, "''", "'")
	return plain, strings.Count(s, "'") == 2*strings.Count(plain, "'") && !strings.Contains(strings.ReplaceAll(s, "''", ""), "'")
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
