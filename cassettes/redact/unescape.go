package redact

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLayers is how many layers of escapes are looked through: a form value inside JSON inside a form
// value has three.
const maxLayers = 3

// view is a text with some layers of escapes undone. at tells where each of its bytes stood in the text
// it came from, and ends with that text's length; a nil at means that nothing was undone.
type view struct {
	text string
	at   []int
}

// views returns text as it is and with one, two and three layers of escapes undone: of URLs and forms
// (%2B), of JSON and YAML strings (\u002b, \x2b, \/) and of HTML and XML (&#43; &amp;).
func views(text string) []view {
	all := []view{{text: text}}
	for range maxLayers {
		v, undone := all[len(all)-1].unescape()
		if !undone {
			break
		}
		all = append(all, v)
	}
	return all
}

// span returns where the bytes from start to end of v stand in the original text.
func (v view) span(start, end int) (int, int) {
	if v.at == nil {
		return start, end
	}
	return v.at[start], v.at[end]
}

// unescape returns v with one more layer undone, and whether there was one.
func (v view) unescape() (view, bool) {
	if !strings.ContainsAny(v.text, `%\&`) {
		return v, false
	}
	var out strings.Builder
	at := make([]int, 0, len(v.text)+1)
	undone := false
	for i := 0; i < len(v.text); {
		char, width := unescapeOne(v.text[i:])
		if width == 0 {
			char, width = v.text[i:i+1], 1
		} else {
			undone = true
		}
		from, _ := v.span(i, i)
		for range len(char) {
			at = append(at, from)
		}
		out.WriteString(char)
		i += width
	}
	_, end := v.span(0, len(v.text))
	return view{out.String(), append(at, end)}, undone
}

// unescapeOne returns what the escape at the start of s stands for and its length, which is 0 if s
// does not start with an escape.
func unescapeOne(s string) (string, int) {
	switch s[0] {
	case '%':
		if r, ok := hexRune(s, 1, 2); ok {
			return string([]byte{byte(r)}), 3
		}
	case '\\':
		return unescapeBackslash(s)
	case '&':
		if end := strings.IndexByte(s, ';'); end > 1 && end < 12 {
			if char := html.UnescapeString(s[:end+1]); char != s[:end+1] {
				return char, end + 1
			}
		}
	}
	return "", 0
}

func unescapeBackslash(s string) (string, int) {
	if len(s) < 2 {
		return "", 0
	}
	switch s[1] {
	case '"', '\\', '/', '\'':
		return s[1:2], 2
	case 'n':
		return "\n", 2
	case 'r':
		return "\r", 2
	case 't':
		return "\t", 2
	case 'b':
		return "\b", 2
	case 'f':
		return "\f", 2
	case 'x':
		if r, ok := hexRune(s, 2, 2); ok {
			return string(r), 4
		}
	case 'U':
		if r, ok := hexRune(s, 2, 8); ok {
			return string(r), 10
		}
	case 'u':
		return unescapeUTF16(s)
	}
	return "", 0
}

// unescapeUTF16 undoes \uXXXX, and a pair of them where they are the halves of one character.
func unescapeUTF16(s string) (string, int) {
	r, ok := hexRune(s, 2, 4)
	if !ok {
		return "", 0
	}
	if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, ok := hexRune(s, 8, 4); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return string(pair), 12
			}
		}
	}
	return string(r), 6
}

// hexRune reads the n hexadecimal digits of s that begin at i.
func hexRune(s string, i, n int) (rune, bool) {
	if len(s) < i+n {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+n]) {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
