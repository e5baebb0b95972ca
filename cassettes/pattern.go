package cassettes

import (
	"fmt"
	"path"
	"strings"
)

// Pattern is a set of paths.
//
//	/v2/Services/*/Verifications/VE*   "*" stands for any characters of one segment
//	/v2/Services/{ServiceSid}/**       so does a name in braces; "**" for any segments, also none
//
// Its zero value is the set of all paths.
type Pattern struct {
	text     string
	segments []string
}

// ParsePattern returns the pattern that text is.
func ParsePattern(text string) (Pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return Pattern{}, fmt.Errorf("the path %q does not begin with \"/\"; write /v2/Services/*/Verifications, or /** for all paths", text)
	}
	p := Pattern{text: text, segments: strings.Split(text, "/")}
	for i, s := range p.segments {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			p.segments[i] = "*"
		} else if _, err := path.Match(s, ""); err != nil {
			return Pattern{}, fmt.Errorf("the path %q has a [ or a \\ that is never closed", text)
		}
	}
	return p, nil
}

// String returns the text of the pattern.
func (p Pattern) String() string { return p.text }

// Match reports whether an escaped path is in the set.
func (p Pattern) Match(escaped string) bool {
	return p.segments == nil || matchSegments(p.segments, strings.Split(canonicalPath(escaped), "/"))
}

func matchSegments(pattern, segments []string) bool {
	for i, p := range pattern {
		if p == "**" {
			for skip := i; skip <= len(segments); skip++ {
				if matchSegments(pattern[i+1:], segments[skip:]) {
					return true
				}
			}
			return false
		}
		if i >= len(segments) {
			return false
		}
		if ok, _ := path.Match(p, segments[i]); !ok {
			return false
		}
	}
	return len(pattern) == len(segments)
}
