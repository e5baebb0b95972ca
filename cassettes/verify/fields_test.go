package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exceptions are names of Twilio's file that look secret or personal, and are neither; of names with dots the last
// part.
var exceptions = map[string]string{
	"code_length":              "how many digits a code has",
	"custom_code_enabled":      "true or false",
	"enable_sna_client_token":  "true or false",
	"send_code_attempts":       "a list of channels and times; whom they were sent to is not in it",
	"sna_attempts_error_codes": "numbers of Twilio's errors",
	"error_code":               "a number of Twilio's errors",
	"code":                     "in answers a number of Twilio's errors",
	"mobile_country_code":      "redacted within carrier, which is where it occurs",
	"mobile_network_code":      "redacted within carrier, which is where it occurs",
	"apn_credential_sid":       "a SID: what it stands for is with Twilio only",
	"fcm_credential_sid":       "a SID: what it stands for is with Twilio only",
	"challenge_sid":            "a SID",
	"challenges":               "a list of challenges, or the URL of one",
	"create_challenge":         "a form of the API's own: what a client has to send",
	"access_tokens":            "the URL of a list",
	"excludeCredentials":       "a list of ids, each of which is redacted",
	"attestation":              "a word of WebAuthn",
	"discoverable_credentials": "a word of WebAuthn",
	"residentKey":              "a word of WebAuthn",
	"requireResidentKey":       "true or false",
	"pubKeyCredParams":         "numbers of algorithms",
	"key":                      "the name of a list, in meta",
}

// looksSecret matches names that somebody should have thought about.
var looksSecret = regexp.MustCompile(`(?i)secret|token|passw|auth_?payload|credential|private|signature|challenge|code|key$|key_|attestation|clientdata|authenticatordata|userhandle|rawid|phone|email|ip$|identity`)

func isException(name string) bool {
	parts := SplitName(name)
	for exception := range exceptions {
		if string(fold(nil, exception)) == parts[len(parts)-1] {
			return true
		}
	}
	return false
}

// openAPI returns Twilio's file, whose place is in TWILIO_OPENAPI.
func openAPI(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	readOpenAPI(t, &doc)
	return doc
}

// readOpenAPI decodes Twilio's file into doc, or skips the test if nobody has said where it is.
func readOpenAPI(t *testing.T, doc any) {
	t.Helper()
	file := os.Getenv("TWILIO_OPENAPI")
	if file == "" {
		t.Skip("TWILIO_OPENAPI does not say where Twilio's OpenAPI file is")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, doc); err != nil {
		t.Fatal(err)
	}
}

// named is a name of Twilio's file, and where it occurs.
type named struct {
	name     string
	in       Place
	path     string // of the call, "" for a schema of several
	personal bool
}

// names returns all properties, parameters and members of examples of the file.
func names(doc map[string]any) []named {
	var all []named
	var walk func(node any, in Place, path string, example bool)
	walk = func(node any, in Place, path string, example bool) {
		switch node := node.(type) {
		case []any:
			for _, v := range node {
				walk(v, in, path, example)
			}
		case map[string]any:
			if properties, ok := node["properties"].(map[string]any); ok && !example {
				for name, p := range properties {
					all = append(all, named{name, in, path, isPersonal(p)})
				}
			}
			for name, v := range node {
				if example {
					all = append(all, named{name, in, path, false})
				}
				switch {
				case !example && name == "requestBody":
					walk(v, InForm, path, false)
				case !example && name == "examples":
					for _, e := range v.(map[string]any) {
						walk(e.(map[string]any)["value"], in, path, true)
					}
				default:
					walk(v, in, path, example)
				}
			}
		}
	}
	for path, call := range doc["paths"].(map[string]any) {
		walk(call, InJSON, path, false)
		for _, operation := range call.(map[string]any) {
			operation, ok := operation.(map[string]any)
			if !ok {
				continue
			}
			parameters, _ := operation["parameters"].([]any)
			for _, p := range parameters {
				p := p.(map[string]any)
				n := named{p["name"].(string), InQuery, path, isPersonal(p)}
				if p["in"] == "path" {
					n.in = InPath
				}
				all = append(all, n)
			}
		}
	}
	walk(doc["components"], InJSON, "", false)
	return all
}

// isPersonal reports whether a property or a parameter is marked so.
func isPersonal(node any) bool {
	p, _ := node.(map[string]any)
	marks, _ := p["x-twilio"].(map[string]any)
	return marks["pii"] != nil
}

func TestEveryPersonalOrSecretNameOfTwiliosFileIsInTheTable(t *testing.T) {
	index := NewIndex(Fields)
	checked, personal := map[string]bool{}, 0
	for _, n := range names(openAPI(t)) {
		if !n.personal && (!looksSecret.MatchString(n.name) || n.in == InPath) {
			continue
		}
		checked[n.name] = true
		if n.personal {
			personal++
		}
		name := n.name
		if n.in == InPath { // the table names the segment before it
			segments := strings.Split(n.path, "/")
			name = segments[slices.Index(segments, "{"+n.name+"}")-1]
		}
		f, _, ok := index.Find(name, nil, n.in, n.path)
		if ok && f.Kind != Readable {
			continue
		}
		if n.personal || !isException(n.name) {
			t.Errorf("%s, place %b, in %q: personal %t, and not in the table", n.name, n.in, n.path, n.personal)
		}
	}
	if personal < 40 || len(checked) < 40 {
		t.Errorf("only %d names were checked, %d times personal", len(checked), personal)
	}
	t.Logf("%d names were checked; the file marks %d places as personal", len(checked), personal)
}

func TestEveryWordOfTheAPIIsKnown(t *testing.T) {
	doc := openAPI(t)
	var walk func(node any)
	known := func(word string) {
		for part := range strings.SplitSeq(word, ".") {
			if !IsWord(part) {
				t.Errorf("%q is no word", part)
			}
		}
	}
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, v := range node {
				walk(v)
			}
		case map[string]any:
			if values, ok := node["enum"].([]any); ok {
				for _, v := range values {
					known(fmt.Sprint(v))
				}
			}
			if properties, ok := node["properties"].(map[string]any); ok {
				for name := range properties {
					known(name)
				}
			}
			for _, v := range node {
				walk(v)
			}
		}
	}
	walk(doc)
	for path := range doc["paths"].(map[string]any) {
		for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			if !strings.HasPrefix(segment, "{") {
				known(segment)
			}
		}
	}
	for _, name := range []string{"John", "jane.doe", "ff483d1ff591898a9942916050d2ca3f", "Bogotá"} {
		if IsWord(name) {
			t.Errorf("%q is a word", name)
		}
	}
}
