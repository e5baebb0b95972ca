package cassettes

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
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
}

// sheet is a cassette's text, taken apart by its lines.
type sheet struct {
	layout
	readable bool   // the lines tell where an interaction begins
	head     []byte // what stands outside the list
	parts    []part
	endLine  int // the line of the end mark
	endCount int // what it says
	tornLine int // where the interaction begins that was cut off
}

// part is the text of one interaction.
type part struct {
	line   int // where it begins
	text   []byte
	ours   bool // a separator precedes it, so a mark must follow
	closed bool // a mark follows
	sum    string
}

// split takes a cassette apart. It does not judge the YAML, but knows which interactions are whole.
func split(r io.Reader) (*sheet, error) {
	s := &splitter{}
	s.dash = -1
	lines := bufio.NewReaderSize(r, 1<<16)
	for !s.done {
		raw, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
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

// splitter is the state of split between two lines.
type splitter struct {
	sheet
	number int   // the line at hand, from 1
	offset int64 // where it begins
	inList bool
	done   bool // the document has ended before the file

	open            bool // a separator was seen, but no mark after it
	separator       int  // its line
	separatorOffset int64

	endOffset int64 // where the end mark begins
}

// add takes the next line, with its line break.
func (s *splitter) add(raw []byte) {
	s.line = !bytes.HasSuffix(raw, []byte("\n"))
	line := strings.TrimRight(string(raw), "\r\n")
	if s.number == 1 {
		s.marked = line == magic
	}
	if !s.inList {
		s.head = append(s.head, raw...)
		s.inList = strings.TrimRight(line, " ") == "interactions:"
		s.readable = s.inList
		return
	}
	if s.marked && strings.HasSuffix(string(raw), "\r\n") { // git may have changed the line breaks
		raw = append(raw[:len(raw)-2], '\n')
	}
	last := s.last()
	switch {
	case s.marked && (line == committed || line == pending):
		s.open, s.separator, s.separatorOffset = true, s.number, s.offset
		s.done = line == pending
	case line == pending || line == "---":
		s.readable = false
	case last != nil && last.ours && !last.closed && isRecordedMark(line):
		last.sum, _ = parseRecordedMark(line)
		last.closed, s.open = true, false
	case s.isEnd(line):
	case s.startsItem(line):
		s.parts = append(s.parts, part{line: s.number, text: raw, ours: s.open})
		s.ended = false
	case line != "" && !strings.ContainsAny(line[:1], " #-"): // another key of the document
		s.head = append(s.head, raw...)
		s.odd = true
	case last != nil && !(last.closed && isComment(line)):
		last.text = append(last.text, raw...)
	}
}

// finish decides where the next interaction goes and whether the last one is whole.
func (s *splitter) finish() *sheet {
	s.end = s.offset
	switch {
	case s.open:
		s.torn, s.tornLine, s.end, s.line = true, s.separator, s.separatorOffset, false
		if last := s.last(); last != nil && last.line > s.separator {
			s.parts = s.parts[:len(s.parts)-1]
		}
	case s.ended:
		s.end, s.line = s.endOffset, false
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
	_, ok := parseRecordedMark(line)
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
