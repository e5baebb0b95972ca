package cassettes

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// flaw is what makes a text no cassette. It repeats no value of the text: that may be secret.
type flaw struct {
	line    int // where it stands, from 1; 0 if it is the whole text
	problem string
	mend    string
}

// in returns the flaw as an error of file.
func (f *flaw) in(file string) error {
	place := file
	if f.line > 0 {
		place = fmt.Sprintf("%s:%d", file, f.line)
	}
	return fmt.Errorf("%s: %s; %s", place, f.problem, f.mend)
}

const (
	mendField  = "set it right, or record it anew"
	mendFile   = "restore it, or record it anew with --overwrite"
	mendSyntax = "look at this line and the one before it, or restore the file"
	mendAlias  = "write the values out"
	mendUTF8   = "save the file as UTF-8, or restore it"
)

// maxParsed is how much text the YAML reader gets at once: 64 MiB. It takes many times the memory.
const maxParsed = 64 << 20

// maxNames is how many names a mapping may have for the YAML reader, which compares each with each.
const maxNames = 10_000

// parse reads text, which must be one YAML document that holds something.
func parse(text []byte) (*yaml.Node, *flaw) {
	if len(text) > maxParsed {
		return nil, &flaw{0, "it has more than 64 MiB that are not laid out as twilio-vcr and go-vcr write them, and to read them otherwise takes too much memory", "split it, or record it anew"}
	}
	if bytes.HasPrefix(text, []byte("\x1f\x8b")) {
		return nil, &flaw{0, "it is compressed with gzip", "unpack it with gunzip"}
	}
	var doc, next yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	switch err := d.Decode(&doc); {
	case err == io.EOF, err == nil && doc.Content[0].Tag == "!!null":
		return nil, &flaw{0, "it holds nothing", mendFile}
	case err != nil:
		return nil, syntaxFlaw(text, err)
	}
	if err := d.Decode(&next); err != io.EOF {
		return nil, &flaw{documentMark(text, lastRead(text)), "another YAML document follows this line, and go-vcr reads only the first", "move its interactions to the list of the first, or to a file of their own"}
	}
	top := doc.Content[0]
	return top, checkNames(top)
}

// lastRead returns the line as far as which the YAML reader must read the first document of text, or may read it.
func lastRead(text []byte) int {
	lines := &lineReader{text: text}
	_ = yaml.NewDecoder(lines).Decode(&yaml.Node{}) // what comes of it is known
	return lines.line()
}

// lineReader gives the YAML reader one line at a time, so that it is known which one it can't go on from.
// Some of its errors name only the line in which a list or a mapping begins.
type lineReader struct {
	text []byte
	at   int
}

func (r *lineReader) Read(p []byte) (int, error) {
	if r.at == len(r.text) {
		return 0, io.EOF
	}
	line, _, _ := bytes.Cut(r.text[r.at:min(len(r.text), r.at+len(p))], []byte("\n"))
	n := copy(p, r.text[r.at:min(len(r.text), r.at+len(line)+1)])
	r.at += n
	return n, nil
}

// line returns the line that was given last.
func (r *lineReader) line() int {
	return 1 + bytes.Count(r.text[:max(0, r.at-1)], []byte("\n"))
}

// syntaxFlaw explains an error of the YAML reader.
func syntaxFlaw(text []byte, err error) *flaw {
	if line := lineOf(text, "<<<<<<< "); line > 0 {
		return &flaw{line, "there is a merge conflict", "resolve it"}
	}
	problem, mend := inWords(err)
	f := &flaw{lastRead(text), "it is not YAML: " + problem, mend}
	if own := lineNumber.FindStringSubmatch(err.Error()); own != nil && beginsSomewhere(err) {
		f.line, _ = strconv.Atoi(own[1])
		if !strings.Contains(err.Error(), "end of stream") {
			f.line++ // it counts from 0 here
		}
		return f
	}
	if len(linesOf(text, f.line)) == len(text) {
		return f
	}
	for range 2 { // the reader may have looked ahead
		err := yaml.Unmarshal(linesOf(text, f.line-1), &yaml.Node{})
		if err == nil {
			break
		}
		if same, _ := inWords(err); same != problem {
			break
		}
		f.line--
	}
	return f
}

// beginsSomewhere reports whether the line that err names is where something begins that does not end.
func beginsSomewhere(err error) bool {
	return strings.Contains(err.Error(), "found unexpected end of stream") || strings.Contains(err.Error(), "did not find expected ',' or")
}

// lineOf returns the first line that begins with prefix, or 0.
func lineOf(text []byte, prefix string) int {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if bytes.HasPrefix(line, []byte(prefix)) {
			return number
		}
	}
	return 0
}

// linesOf returns the first n lines of text.
func linesOf(text []byte, n int) []byte {
	end := 0
	for line := range bytes.Lines(text) {
		if n--; n < 0 {
			break
		}
		end += len(line)
	}
	return text[:end]
}

// documentMark returns the line nearest to line, and not behind it, that ends or begins a document.
func documentMark(text []byte, line int) int {
	mark, number := line, 0
	for text := range bytes.Lines(linesOf(text, line)) {
		if number++; isDocumentMark(text) {
			mark = number
		}
	}
	return mark
}

// isDocumentMark reports whether a line begins or ends a YAML document.
func isDocumentMark(line []byte) bool {
	return len(line) >= 3 && (string(line[:3]) == "---" || string(line[:3]) == "...") && (len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0)
}

// checkNames finds a mapping that has a name twice, or more of them than the YAML reader can compare.
func checkNames(n *yaml.Node) *flaw {
	if n.Kind == yaml.MappingNode {
		if len(n.Content)/2 > maxNames {
			return &flaw{n.Line, fmt.Sprintf("a mapping has more than %d names", maxNames), mendFile}
		}
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i]
			if first, twice := seen[name.Value]; twice && name.Kind == yaml.ScalarNode {
				return &flaw{name.Line, fmt.Sprintf("the name in this line stands in line %d too", first), "delete one of the two"}
			}
			seen[name.Value] = name.Line
		}
	}
	for _, child := range n.Content {
		if f := checkNames(child); f != nil {
			return f
		}
	}
	return nil
}

// hasAlias reports whether n has a value that stands elsewhere.
func hasAlias(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	for _, child := range n.Content {
		if hasAlias(child) {
			return true
		}
	}
	return false
}

// faults says what the YAML reader's errors, which begin so, mean for somebody who has edited a file, and what
// helps if it is not mendSyntax.
var faults = []struct{ prefix, problem, mend string }{
	{"unknown anchor", "a value that begins with * means another one, which is named with &, and there is none", "put the value in quotes"},
	{"document contains excessive aliasing", "its aliases (*) unfold to far more than it holds", mendAlias},
	{"anchor '", "an alias (*) stands within what it means", mendAlias},
	{"map merge requires", "what << merges is no mapping", mendAlias},
	{"mapping values are not allowed", "a colon stands where none can", "put the value in quotes, or mind the indentation"},
	{"found character that cannot start any token", "a value can't begin with a tab, %, @ or `", "indent with spaces, and put the value in quotes"},
	{"found a tab character", "it is indented with a tab", "indent with spaces"},
	{"did not find expected key", "something is not indented as what stands around it, or follows a closing quote", ""},
	{"did not find expected '-' indicator", "something is not indented as the list around it", ""},
	{"did not find expected <document start>", "something follows the end of the document", ""},
	{"could not find expected ':'", "something has no colon, where a name and a colon must be", ""},
	{"did not find expected ',' or ']'", "a list that begins here with [ does not go on with a comma or end with ]", ""},
	{"did not find expected ',' or '}'", "a mapping that begins here with { does not go on with a comma or end with }", ""},
	{"did not find expected node content", "a value is missing", ""},
	{"found unexpected end of stream", "a quote that begins here is not closed", ""},
	{"found unexpected document indicator", "a quote is not closed before the document ends", ""},
	{"found unknown escape character", "a backslash in double quotes begins no escape", `write \\ for a backslash`},
	{"exceeded max depth", "it is nested more than 10,000 deep", mendFile},
	{"control characters are not allowed", "a control character, such as a NUL byte, can't stand here", `escape it in double quotes, as in "\x00"; if the file is UTF-16, save it as UTF-8`},
	{"invalid leading UTF-8", "this is not UTF-8", mendUTF8},
	{"invalid trailing UTF-8", "this is not UTF-8", mendUTF8},
	{"incomplete UTF-8", "this is not UTF-8", mendUTF8},
	{"invalid Unicode character", "this is not UTF-8", mendUTF8},
}

var lineNumber = regexp.MustCompile(`line (\d+): `)

// inWords returns what an error of yaml.v3 means, without the values that some of them quote.
func inWords(err error) (problem, mend string) {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		return "a value is of the wrong kind", mendField
	}
	message := lineNumber.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
	for _, f := range faults {
		if strings.HasPrefix(message, f.prefix) {
			return f.problem, cmp.Or(f.mend, mendSyntax)
		}
	}
	if strings.ContainsAny(message, "`'\"") {
		message = "the YAML reader can't go on"
	}
	return message, mendSyntax
}

// gibibytes writes a size for people.
func gibibytes(n int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", float64(n)/(1<<30)), ".00") + " GiB"
}
