package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sdk is one of Twilio's SDKs, and the program that makes the calls of this test with it.
type sdk struct {
	name   string
	driver []string
	lacks  []string // the operations that it has no method for
}

// outcome is what an SDK made of the answer to one call.
type outcome struct {
	Call   string // OPERATION [PREFER]
	Result any
	Error  any
}

func TestTheSDKsParseEveryRedactedAnswer(t *testing.T) {
	spec := openAPI(t)
	operations := operationsOf(t, spec)
	t.Setenv("TWILIO_OPENAPI", withLists(t, spec))
	upstream, upstreamURL := prism(t)
	sdks := []sdk{
		{"twilio-go", []string{goDriver(t, "./sdk")}, nil},
		{"twilio for Node", []string{"node", "sdk/driver.js"}, nil},
		// Debian's 7.7.1 is older than these. It is installed for Debian's Python only.
		{"twilio for Python", []string{"/usr/bin/python3", "sdk/driver.py"}, []string{
			"CreateChallengePasskeys", "CreateNewFactorPasskey", "CreateSafelist", "DeleteSafelist",
			"FetchSafelist", "FetchVerificationAttemptsSummary", "UpdateChallengePasskeys", "UpdatePasskeysFactor",
		}},
	}

	dir := t.TempDir()
	live := map[string][]outcome{}
	for _, s := range sdks {
		tape := filepath.Join(dir, s.name+".yaml")
		recorder, base := proxy(t, "record", "--upstream", upstreamURL, "--cassette", tape)
		live[s.name] = s.run(t, base)
		if code := recorder.stop(t); code != 0 {
			t.Errorf("%s: the recording ended with exit code %d: %s", s.name, code, recorder.stderr.String())
		}
		if out, code := lint(t, tape); code != 0 {
			t.Errorf("%s: lint finds %s", s.name, out)
		}
		s.checkLive(t, live[s.name], operations)
	}
	upstream.stop(t)
	refusesConnections(t, upstreamURL)

	for _, s := range sdks {
		t.Run(s.name, func(t *testing.T) {
			player, base := proxy(t, "replay", "--cassette", filepath.Join(dir, s.name+".yaml"), "--play", "loop")
			replayed := s.run(t, base)
			if code := player.stop(t); code != 0 {
				t.Errorf("the replay ended with exit code %d", code)
			}
			s.checkReplayed(t, live[s.name], replayed)
		})
	}
}

// goDriver builds a driver that uses twilio-go.
func goDriver(t *testing.T, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driver")
	if out, err := exec.Command("go", "build", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("build the driver: %v\n%s", err, out)
	}
	return path
}

// run makes all calls of s, in a clean environment.
func (s sdk) run(t *testing.T, base string) []outcome {
	t.Helper()
	node := environment(t, "TWILIO_NODE", ".tools/node_modules/twilio", "it is the SDK for Node, which .ci/run installs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.driver[0], slices.Concat(s.driver[1:], []string{base, documented.sid, documented.token})...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_PATH=" + filepath.Dir(node)}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, stderr.String())
	}
	var all []outcome
	for dec := decoder(out); ; {
		var o outcome
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v in\n%s", s.name, err, out)
		}
		all = append(all, o)
	}
}

// decoder keeps numbers as they are written.
func decoder(b []byte) *json.Decoder {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec
}

// checkLive checks that s called all operations that it has, and that Prism refused what it was asked to only.
func (s sdk) checkLive(t *testing.T, live []outcome, operations []string) {
	t.Helper()
	uncalled := map[string]bool{}
	for _, op := range operations {
		uncalled[op] = true
	}
	for i, o := range live {
		op, prefer, _ := strings.Cut(o.Call, " ")
		delete(uncalled, op)
		if refused := prefer == "code=429"; refused != (o.Error != nil) || refused == (o.Result != nil) {
			t.Errorf("%s: call %d, %s, gave %v, error %v", s.name, i, o.Call, o.Result, o.Error)
		}
	}
	if got := slices.Sorted(maps.Keys(uncalled)); !slices.Equal(got, s.lacks) {
		t.Errorf("%s: not called are %q, and the SDK lacks %q only", s.name, got, s.lacks)
	}
}

// checkReplayed checks that s got the answers that it got live, but for what is redacted.
func (s sdk) checkReplayed(t *testing.T, live, replayed []outcome) {
	t.Helper()
	if len(replayed) != len(live) {
		t.Fatalf("there are %d answers, live there were %d", len(replayed), len(live))
	}
	redacted := 0
	for i, want := range live {
		got := replayed[i]
		if !reflect.DeepEqual(got, want) {
			redacted++
		}
		for _, d := range append(differences("result", want.Result, got.Result, 0), differences("error", want.Error, got.Error, 0)...) {
			t.Errorf("call %d, %s: %s", i, want.Call, d)
		}
	}
	if !t.Failed() {
		t.Logf("%s made %d calls and parsed all answers, live and replayed; something was redacted in %d", s.name, len(live), redacted)
	}
}

// withLists returns a copy of an OpenAPI file that says how lists are written in forms: a field occurs several
// times, and a space is a plus. This is how it is anyway, but Prism takes such fields for no lists if not told.
func withLists(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	form := `"application/x-www-form-urlencoded": {`
	list := `{"style": "form", "explode": true, "allowReserved": true}`
	encoding := fmt.Sprintf(`"encoding": {"EventTypes": %s, "Details.Fields": %s},`, list, list)
	path = filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(form), []byte(form+encoding)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// operationsOf returns the operations of an OpenAPI file.
func operationsOf(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, item := range spec.Paths {
		for _, raw := range item {
			var op struct{ OperationID string }
			if json.Unmarshal(raw, &op) == nil && op.OperationID != "" { // else it is no operation
				ids = append(ids, op.OperationID)
			}
		}
	}
	return ids
}

// fixed are the fields that a program decides on: redaction must not touch them. Case and "_" do not count.
var fixed = []string{
	"sid", "servicesid", "status", "channel", "factortype",
	"datecreated", "dateupdated", "dateresponded", "expirationdate",
}

var (
	placeholder = regexp.MustCompile(`^(?:` + strings.Join([]string{
		`(?:whatsapp:)?\+15005550006`, `redacted`, `(?:mailto:)?redacted@example\.com`,
		`[A-Z]{2}0{20}[0-9a-f]{12}`, // pseudonym of a SID
		`[1x]{1,16}`, `1{32}`, `0{32}`, `A{32}`, `0000\.0000\.0000`,
		`192\.0\.2\.1`, `2001:db8::1`, `\D?1\.00`, `[a-z]+://redacted\.example\.com`,
		`-?1+\.1+`, `2000-01-01(?:T00:00:00Z)?`, `0{8}(?:-0{4}){3}-0{12}`,
	}, "|") + `)$`)
	separators = regexp.MustCompile(`[ /?&=]`)
	ones       = regexp.MustCompile(`^-?1+(?:\.1+)?$`)
)

// differences returns where replayed is not what redaction may have made of live, at the path that is at. Keys,
// types and lengths are the same, and null is null. A string, or each part of it between separators, is the same
// or a placeholder. A number or boolean is the same, unless it is in an object of the resource (depth 2 and
// more), which may be free-form: there a number may have become ones, and a boolean false. The fixed fields are
// the same everywhere.
func differences(at string, live, replayed any, depth int) []string {
	same := false
	switch live := live.(type) {
	case map[string]any:
		replayed, ok := replayed.(map[string]any)
		if !ok {
			break
		}
		var all []string
		for key := range replayed {
			if _, ok := live[key]; !ok {
				all = append(all, fmt.Sprintf("%s.%s is new", at, key))
			}
		}
		for key, want := range live {
			path := at + "." + key
			if got, ok := replayed[key]; !ok {
				all = append(all, path+" is missing")
			} else if slices.Contains(fixed, strings.ToLower(strings.ReplaceAll(key, "_", ""))) && !reflect.DeepEqual(got, want) {
				all = append(all, fmt.Sprintf("%s is %v, live it was %v", path, got, want))
			} else {
				all = append(all, differences(path, want, got, depth+1)...)
			}
		}
		return all
	case []any:
		replayed, ok := replayed.([]any)
		if !ok || len(live) != len(replayed) {
			break
		}
		var all []string
		for i := range live {
			all = append(all, differences(fmt.Sprintf("%s[%d]", at, i), live[i], replayed[i], depth)...)
		}
		return all
	case string:
		replayed, ok := replayed.(string)
		same = ok && (live == replayed || live != "" && placeholder.MatchString(replayed) || partsAgree(live, replayed))
	case json.Number:
		replayed, ok := replayed.(json.Number)
		same = ok && (live == replayed || depth > 1 && len(live) == len(replayed) && ones.MatchString(replayed.String()))
	case bool:
		same = live == replayed || depth > 1 && replayed == false
	default: // null
		same = live == replayed
	}
	if same {
		return nil
	}
	return []string{fmt.Sprintf("%s is %v, live it was %v", at, replayed, live)}
}

// partsAgree reports whether each part of replayed is the one of live, or a placeholder.
func partsAgree(live, replayed string) bool {
	l, r := separators.Split(live, -1), separators.Split(replayed, -1)
	return slices.EqualFunc(l, r, func(l, r string) bool { return l == r || l != "" && placeholder.MatchString(r) })
}

func TestWhatTheSDKsGetDiffersInPlaceholdersOnly(t *testing.T) {
	for _, c := range []struct {
		live, replayed string
		agree          bool
	}{
		{`{"to": "+15017122661"}`, `{"to": "+15005550006"}`, true},
		{`{"to": "+15017122661"}`, `{"to": "+15017122662"}`, false},
		{`{"to": null}`, `{"to": "redacted"}`, false},
		{`{"to": "x"}`, `{"to": null}`, false},
		{`{"to": "x"}`, `{}`, false},
		{`{}`, `{"to": "x"}`, false},
		{`{"amount": "€39.99"}`, `{"amount": "€1.00"}`, true},
		{`{"accountSid": "AC5ef872f6da5a21de157d80997a64bd33"}`, `{"accountSid": "AC00000000000000000000b288f9282c0f"}`, true},
		{`{"status": "approved"}`, `{"status": "redacted"}`, false},
		{`{"factorType": "push"}`, `{"factorType": "redacted"}`, false},
		{`{"date_created": "2015-07-30T20:00:00Z"}`, `{"date_created": "redacted"}`, false},
		{`{"date_created": "2015-07-30T20:00:00Z"}`, `{"date_created": "2000-01-01T00:00:00Z"}`, false},
		{`{"details": {"date": "2015-07-30T20:00:00Z"}}`, `{"details": {"date": "2000-01-01T00:00:00Z"}}`, true},
		{`{"url": "https://verify.twilio.com/v2/Entities/john/Factors"}`, `{"url": "https://verify.twilio.com/v2/Entities/redacted/Factors"}`, true},
		{`{"url": "https://verify.twilio.com/v2/Entities/john/Factors"}`, `{"url": "https://verify.twilio.com/v2/Entities/redacted"}`, false},
		{`{"sna": {"url": "https://a.example/b?c=d"}}`, `{"sna": {"url": "https://redacted.example.com"}}`, true},
		{`{"message": "Invalid parameter: +15017122661"}`, `{"message": "Invalid parameter: +15005550006"}`, true},
		{`{"ttl": 300}`, `{"ttl": 111}`, false},
		{`{"metadata": {"n": 30.5}}`, `{"metadata": {"n": 11.1}}`, true},
		{`{"metadata": {"n": 300}}`, `{"metadata": {"n": 11}}`, false},
		{`{"metadata": {"n": 300}}`, `{"metadata": {"n": "111"}}`, false},
		{`{"valid": true}`, `{"valid": false}`, false},
		{`{"metadata": {"b": true}}`, `{"metadata": {"b": false}}`, true},
		{`[{"ttl": 300}]`, `[{"ttl": 111}]`, false},
		{`[1, 2]`, `[1]`, false},
	} {
		var live, replayed any
		if err := errors.Join(decoder([]byte(c.live)).Decode(&live), decoder([]byte(c.replayed)).Decode(&replayed)); err != nil {
			t.Fatal(err)
		}
		if got := differences("it", live, replayed, 0); (len(got) == 0) != c.agree {
			t.Errorf("%s, replayed as %s, differs in %q", c.live, c.replayed, got)
		}
	}
}
