package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// document is what Twilio's file says of the operations.
type document struct {
	Paths      map[string]map[string]json.RawMessage // by method; some are no operations
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Pattern    string
	Enum       []string
	Required   []string
	Properties map[string]schema
}

// resolve returns the schema that s refers to, or s.
func (doc document) resolve(s schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return doc.Components.Schemas[name]
	}
	return s
}

// call is an operation of the file.
type call struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   schema
	}
	RequestBody struct {
		Content map[string]struct{ Schema schema }
	}
}

// form returns the required fields as the table has them.
func (c call) form(doc document) string {
	s := c.RequestBody.Content["application/x-www-form-urlencoded"].Schema
	var fields []string
	for _, name := range s.Required {
		if values := doc.resolve(s.Properties[name]).Enum; values != nil {
			name += "=" + strings.Join(values, "|")
		}
		fields = append(fields, name)
	}
	return strings.Join(fields, " ")
}

// calls returns all operations of Twilio's file, by their names and as the table has them.
func calls(t *testing.T) (map[string]call, []Operation) {
	t.Helper()
	var doc document
	readOpenAPI(t, &doc)
	byName := map[string]call{}
	var all []Operation
	for path, item := range doc.Paths {
		for method, raw := range item {
			var c call
			if err := json.Unmarshal(raw, &c); err != nil || c.OperationID == "" {
				continue // it is Twilio's x-twilio
			}
			byName[c.OperationID] = c
			all = append(all, Operation{c.OperationID, strings.ToUpper(method), path, c.form(doc)})
		}
	}
	return byName, all
}

func TestTheOperationsAreThoseOfTwiliosFile(t *testing.T) {
	_, documented := calls(t)
	for _, op := range documented {
		if !slices.Contains(operations, op) {
			t.Errorf("the table has not %q", op)
		}
	}
	for _, op := range operations {
		if !slices.Contains(documented, op) {
			t.Errorf("the file has not %q", op)
		}
	}
	if len(operations) != len(documented) {
		t.Errorf("the table has %d operations, the file %d", len(operations), len(documented))
	}
	t.Logf("%d operations are compared", len(documented))
}

func TestTheIdentifiersInPathsAreThoseOfTwiliosFile(t *testing.T) {
	exceptions := map[string]bool{"Verifications": true, "RateLimits": true} // for the reasons beside the table
	byName, _ := calls(t)
	seen := map[string]bool{}
	for _, op := range operations {
		segments := strings.Split(op.Path, "/")
		params := op.Params()
		for _, p := range byName[op.Name].Parameters {
			if p.In != "path" {
				if p.Required {
					t.Errorf("%s requires the %s parameter %s, which nothing checks", op.Name, p.In, p.Name)
				}
				continue
			}
			params = slices.DeleteFunc(params, func(name string) bool { return name == p.Name })
			collection := segments[slices.Index(segments, "{"+p.Name+"}")-1]
			seen[collection] = true
			pattern := ""
			if id, ok := identifiers[collection]; ok {
				pattern = id.patterns[0].String()
			}
			if pattern != p.Schema.Pattern && !exceptions[collection] {
				t.Errorf("%s: the pattern of %s is %q, in the file it is %q", op.Name, p.Name, pattern, p.Schema.Pattern)
			}
		}
		if len(params) > 0 {
			t.Errorf("%s: the file does not know the parameters %q", op.Name, params)
		}
	}
	for collection := range identifiers {
		if !seen[collection] {
			t.Errorf("no operation has a path with a parameter after %s", collection)
		}
	}
}

func TestTheOperationOfARequest(t *testing.T) {
	for _, c := range []struct{ method, path, want, params string }{
		{"GET", "/v2/Attempts/Summary", "FetchVerificationAttemptsSummary", ""},
		{"GET", "/v2/Attempts/VL1", "FetchVerificationAttempt", "Sid=VL1"},
		{"GET", "/v2/Attempts/Summary/", "", ""},
		{"GET", "/v2/Attempts/", "FetchVerificationAttempt", "Sid="},
		{"GET", "/v2/Attempts", "ListVerificationAttempt", ""},
		{"POST", "/v2/Attempts", "", ""},
		{"POST", "/v2/Services/VA1/Verifications/+1", "UpdateVerification", "ServiceSid=VA1 Sid=+1"},
		{"post", "/v2/Services/VA1/Verifications/+1", "", ""},
		{"POST", "/v2/Services/VA1/Verifications/+1/", "", ""},
		{"POST", "/v2/Services/VA1/Verification", "", ""},
		{"POST", "/v2/Services/VA1/VerificationCheck", "CreateVerificationCheck", "ServiceSid=VA1"},
		{"POST", "/v2/Services//Verifications/", "UpdateVerification", "ServiceSid= Sid="},
		{"DELETE", "/v2/Services/VA1/RateLimits/RK1/Buckets/BL1", "DeleteBucket", "ServiceSid=VA1 RateLimitSid=RK1 Sid=BL1"},
		{"POST", "/v2/Services/VA1/Entities/Factors/Factors", "CreateNewFactor", "ServiceSid=VA1 Identity=Factors"},
		{"POST", "/v2/Services/VA1/Passkeys/Factors", "CreateNewFactorPasskey", "ServiceSid=VA1"},
		{"GET", "/2010/Accounts", "", ""},
		{"GET", "", "", ""},
	} {
		op, values, ok := FindOperation(c.method, c.path)
		var params []string
		for _, name := range op.Params() {
			params = append(params, name+"="+values[name])
		}
		if got := strings.Join(params, " "); op.Name != c.want || ok != (c.want != "") || got != c.params || len(values) != len(params) {
			t.Errorf("%s %s is %q %q, want %q %q", c.method, c.path, op.Name, got, c.want, c.params)
		}
		for _, other := range operations {
			if other.Method == c.method && other.Matches(c.path) != (other == op) {
				t.Errorf("%s %s is %q, and of %s Matches says %t", c.method, c.path, op.Name, other.Name, other.Matches(c.path))
			}
		}
	}
}

// recordedPaths are paths on a tape: of the same operation, of another one that begins alike, of a very other one.
var recordedPaths = []string{
	"/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Verifications/VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Entities/ff483d1ff591898a9942916050d2ca3f/Challenges/YCaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"/v2/Attempts/Summary",
	"/v2/Attempts/VLaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
}

func TestMatchingAllocatesNothing(t *testing.T) {
	for _, op := range operations {
		if n := testing.AllocsPerRun(10, func() {
			for _, path := range recordedPaths {
				op.Matches(path)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", op.Name, n)
		}
	}
}

func BenchmarkMatches(b *testing.B) {
	for _, path := range recordedPaths {
		op, _, ok := FindOperation("GET", path)
		if !ok {
			b.Fatalf("no operation has the path %s", path)
		}
		b.Run(op.Name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				op.Matches(recordedPaths[i%len(recordedPaths)])
			}
		})
	}
}

func BenchmarkFindOperation(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		FindOperation("POST", recordedPaths[0])
	}
}
