package proxy

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML that CI servers read.
// Source: https://github.com/testmoapp/junitxml
type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suite   suite    `xml:"testsuite"`
	}
	suite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *problem `xml:"failure"`
		Skipped *problem `xml:"skipped"`
	}
	problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

const noClass = "twilio-vcr" // of what belongs to no cassette

func (r *Report) encodeXML(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	return e.Encode(r.junit())
}

// junit returns the report as a suite: each miss is a test that failed, and each unused interaction one that failed
// in a strict run, and was skipped in another. What went well is one test of each kind.
func (r *Report) junit() suites {
	s := suite{Name: "twilio-vcr " + r.Mode}
	if len(r.Misses) == 0 {
		s.Cases = append(s.Cases, testCase{Class: noClass, Name: "every request was answered"})
	}
	for _, m := range r.Misses {
		s.Cases = append(s.Cases, m.junit())
		s.Failures++
	}
	if len(r.Unused) == 0 {
		s.Cases = append(s.Cases, testCase{Class: noClass, Name: "every interaction was used"})
	}
	for _, u := range r.Unused {
		c := testCase{Class: u.Cassette, Name: fmt.Sprintf("interaction %d is used: %s %s", u.Interaction, u.Method, u.Path)}
		if r.Strict {
			c.Failure = &problem{Message: "nothing has asked for it", Type: "unused"}
			s.Failures++
		} else {
			c.Skipped = &problem{Message: "nothing has asked for it"}
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	return suites{Suite: s}
}

func (m *Missed) junit() testCase {
	var differences strings.Builder
	for _, d := range m.Differences {
		fmt.Fprintln(&differences, d)
	}
	return testCase{
		Class:   cmp.Or(m.Cassette, noClass),
		Name:    fmt.Sprintf("%s %s is answered", m.Method, m.Path),
		Failure: &problem{m.Text, string(m.Reason), differences.String()},
	}
}
