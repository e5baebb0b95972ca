package cassettes

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// layout is what a Writer needs to know to go on with a file.
type layout struct {
	dash   int   // the column of an interaction's dash
	end    int64 // the offset from which new interactions are written
	line   bool  // a line break is missing there
	marked bool  // the first line is magic
	ended  bool  // there is an end mark, at the end
	torn   bool  // an interaction that was cut off stands at end
	odd    bool  // nothing can be appended: the list is not laid out as go-vcr lays it out
	stale  int64 // where an end mark stands that will not be the end any more; 0 if there is none
}

// cut reports whether it is not all that was recorded.
func (l layout) cut() bool { return l.torn || l.marked && !l.ended }

// sheet is a cassette's text, taken apart by its lines.
type sheet struct {
	layout
	readable bool            // the lines tell where an interaction begins
	head     strings.Builder // what stands outside the list
	parts    []part
	endLine  int // the line of the end mark
	endCount int // what it says
	tornLine int // where the interaction begins that was cut off
}

// part is the text of one interaction.
type part struct {
	line   int // where it begins
	text   string
	ours   bool // a separator precedes it, so a mark must follow
	closed bool // a mark follows
	sum    string
	at     time.Time // when it was recorded; zero if no mark says so
}

// split takes a cassette apart. It does not judge the YAML, but knows which interactions are whole.
func split(r io.Reader) (*sheet, error) {
	s := &splitter{}
	s.dash = -1
	lines := bufio.NewReaderSize(r, 1<<20)
	for !s.done {
		raw, err := readLine(lines)
		if err != nil {
			return nil, err
		}
		if len(raw) == 0 {
			break
		}
		s.number++
		s.add(raw)
		s.offset += int64(len(raw))
	}
	return s.finish(), nil
}

// readLine returns the next line with its line break, or nothing at the end. It is good until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		start := bytes.Clone(line)
		line, err = r.ReadBytes('\n')
		line = append(start, line...)
	}
	if err == io.EOF {
		err = nil
	}
	return line, err
}

// splitter is the state of split between two lines.
type splitter struct {
	sheet
	number int   // the line at hand, from 1
	offset int64 // where it begins
	inList bool
	done   bool         // the document has ended before the file
	text   bytes.Buffer // of the last part, which has it at its end

	open            bool // a separator was seen, but no mark after it
	separator       int  // its line
	separatorOffset int64

	endOffset int64 // where the last end mark begins
}

// add takes the next line, with its line break.
func (s *splitter) add(raw []byte) {
	line := bytes.TrimRight(raw, "\r\n")
	s.line = !bytes.HasSuffix(raw, []byte("\n"))
	if s.number == 1 {
		s.marked = string(bytes.TrimPrefix(line, byteOrderMark)) == magic
	}
	if !s.inList {
		s.head.Write(raw)
		s.inList = string(bytes.TrimRight(line, " ")) == "interactions:"
		s.readable = s.inList
		return
	}
	if s.marked && bytes.HasSuffix(raw, []byte("\r\n")) { // git may have changed the line breaks
		raw = append(raw[:len(raw)-2], '\n')
	}
	if s.inside(line) {
		s.text.Write(raw)
		return
	}
	last := s.last()
	switch {
	case s.marked && (string(line) == committed || string(line) == pending):
		s.open, s.separator, s.separatorOffset = true, s.number, s.offset
		s.done = string(line) == pending
	case last != nil && last.ours && !last.closed && isRecordedMark(string(line)):
		last.at, last.sum, _ = parseRecordedMark(string(line))
		last.closed, s.open = true, false
	case s.marked && s.isEnd(string(line)):
	case s.startsItem(string(line)):
		s.closeText()
		s.parts = append(s.parts, part{line: s.number, ours: s.open})
		s.text.Write(raw)
		s.ended = false
	case len(line) > 0 && !bytes.ContainsAny(line[:1], " #-"): // another key of the document
		s.head.Write(raw)
		s.odd = true
	case last != nil && !(last.closed && isComment(string(line))):
		s.text.Write(raw)
	case !isComment(string(line)), !isPrintable(strings.ReplaceAll(string(line), "\t", " ")):
		s.readable = false // something before the list, or what a YAML reader refuses or breaks into lines
	}
}

// byteOrderMark is what some editors put before a text.
var byteOrderMark = []byte("\ufeff")

// inside reports whether line is one of the many that are part of an interaction and nothing else: it is
// indented more than the interaction's dash, and the interaction is not closed yet.
func (s *splitter) inside(line []byte) bool {
	last := s.last()
	return last != nil && !last.closed && len(line) > s.dash+1 && line[s.dash] == ' ' && line[s.dash+1] == ' ' &&
		len(bytes.TrimLeft(line[:s.dash], " ")) == 0
}

// closeText gives the last part its text.
func (s *splitter) closeText() {
	if last := s.last(); last != nil {
		last.text = s.text.String()
	}
	s.text.Reset()
}

// finish decides where the next interaction goes and whether the last one is whole.
func (s *splitter) finish() *sheet {
	s.closeText()
	s.end = s.offset
	switch {
	case s.open:
		s.torn, s.tornLine, s.end, s.line = true, s.separator, s.separatorOffset, false
		if last := s.last(); last != nil && last.line > s.separator {
			s.parts = s.parts[:len(s.parts)-1]
		}
	case s.ended && s.endLine == s.number: // nothing stands behind the mark: it is written over
		s.end, s.line = s.endOffset, false
	}
	if s.endOffset < s.end {
		s.stale = s.endOffset
	}
	if s.dash < 0 {
		s.dash = stockDash
	}
	return &s.sheet
}

func (s *splitter) last() *part {
	if len(s.parts) == 0 {
		return nil
	}
	return &s.parts[len(s.parts)-1]
}

// startsItem reports whether line begins an interaction. The first one decides the column.
func (s *splitter) startsItem(line string) bool {
	item := strings.TrimLeft(line, " ")
	column := len(line) - len(item)
	if !strings.HasPrefix(item, "- ") && item != "-" {
		return false
	}
	if s.dash < 0 {
		s.dash = column
	}
	return column == s.dash
}

func (s *splitter) isEnd(line string) bool {
	count, ok := parseEndMark(line)
	if ok {
		s.ended, s.endCount, s.endLine, s.endOffset = true, count, s.number, s.offset
	}
	return ok
}

func isRecordedMark(line string) bool {
	_, _, ok := parseRecordedMark(line)
	return ok
}

func isComment(line string) bool {
	line = strings.TrimLeft(line, " ")
	return line == "" || line[0] == '#'
}

// notices returns what the marks tell about a file with so many interactions, a sentence each.
func (s *sheet) notices(file string, count int) []string {
	var all []string
	if count == 0 {
		all = append(all, fmt.Sprintf("%s: it holds no interactions", file))
	}
	if !s.marked {
		return all
	}
	for i, p := range s.parts {
		if p.ours && (!p.closed || p.sum != checksum(p.text)) {
			all = append(all, fmt.Sprintf("%s:%d: interaction %d was changed after it was recorded", file, p.line, i))
		}
	}
	switch {
	case s.torn:
		all = append(all, fmt.Sprintf("%s:%d: the interaction that begins here was cut off and is not used: the recording was killed, or the file was cut; the %d before it are whole", file, s.tornLine, count))
	case !s.ended:
		all = append(all, fmt.Sprintf("%s: the end mark is missing: the recording was killed, or the file was cut; %d interactions are whole; if these are all, close the file with \"twilio-vcr record --append\" and a stop in order", file, count))
	case s.endCount != count:
		all = append(all, fmt.Sprintf("%s:%d: the end mark counts %d interactions, but there are %d: the file was edited", file, s.endLine, s.endCount, count))
	}
	return all
}
