package fault_test

import (
	"fmt"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/proxy/fault"
)

func ExampleParse() {
	r, err := fault.Parse("nth=3,delay=2s,status=503,retry-after=5")
	fmt.Println(r, r.Delay(), err)
	_, err = fault.Parse("nth=3")
	fmt.Println(err)
	// Output:
	// nth=3,delay=2s,status=503,retry-after=5 2s <nil>
	// the fault does nothing; add status=429, drop, truncate or delay=2s
}

func TestARuleIsParsedAndWritten(t *testing.T) {
	for _, text := range []string{
		"drop", "truncate", "delay=12s", "delay=4m", "status=400", "status=599", "rate=1,drop", "rate=0.001,truncate", "nth=1,drop",
		"rate=0.1,status=429,retry-after=2", "method=POST,path=/v2/Services/*/Verifications,nth=3,delay=500ms,drop", "truncate,delay=1s", "status=503, retry-after=0",
	} {
		if r, err := fault.Parse(text); err != nil || r.String() != text {
			t.Errorf("%s became %s, %v", text, r, err)
		}
	}
}

func TestAWrongRuleIsRefusedWithASentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "a part of the fault is empty; write it as in nth=3,status=429",
		"drop,":                       "a part of the fault is empty; write it as in nth=3,status=429",
		"=drop":                       "a part of the fault is empty; write it as in nth=3,status=429",
		"nht=3,drop":                  `a fault has no "nht"; it has rate, nth, method, path, status, retry-after, drop, truncate and delay`,
		"Drop":                        `a fault has no "Drop"; it has rate, nth, method, path, status, retry-after, drop, truncate and delay`,
		"nth=3,nth=4,drop":            "nth is given twice; give it once",
		"drop,drop":                   "drop is given twice; give it once",
		"drop=true":                   "drop takes no value; write drop alone",
		"nth,drop":                    "nth needs a value; write nth=VALUE",
		"rate=0.1":                    "the fault does nothing; add status=429, drop, truncate or delay=2s",
		"rate=0.1,nth=3,drop":         "rate and nth exclude each other: give one of them",
		"drop,status=429":             "status and drop exclude each other: give one of them",
		"status=429,truncate":         "status and truncate exclude each other: give one of them",
		"truncate,drop":               "drop and truncate exclude each other: give one of them",
		"retry-after=2,drop":          "retry-after goes with an error only; add status=429",
		"retry-after=2":               "retry-after goes with an error only; add status=429",
		"rate=0,drop":                 `rate: "0" is no share of the requests; write a number above 0 and up to 1, such as 0.1`,
		"rate=1.1,drop":               `rate: "1.1" is no share of the requests; write a number above 0 and up to 1, such as 0.1`,
		"rate=-1,drop":                `rate: "-1" is no share of the requests; write a number above 0 and up to 1, such as 0.1`,
		"rate=NaN,drop":               `rate: "NaN" is no share of the requests; write a number above 0 and up to 1, such as 0.1`,
		"rate=10%,drop":               `rate: "10%" is no share of the requests; write a number above 0 and up to 1, such as 0.1`,
		"nth=0,drop":                  `nth: "0" is none of 1, 2, 3 and so on; write 3 for the third request`,
		"nth=3rd,drop":                `nth: "3rd" is none of 1, 2, 3 and so on; write 3 for the third request`,
		"method=post,drop":            `method: "post" is no method of HTTP; write one in capitals, such as POST`,
		"method=,drop":                `method: "" is no method of HTTP; write one in capitals, such as POST`,
		"path=v2,drop":                `the path "v2" does not begin with "/"; write /v2/Services/*/Verifications, or /** for all paths`,
		"status=200":                  `status: "200" is no HTTP status of an error; write one from 400 to 599, such as 429`,
		"status=600":                  `status: "600" is no HTTP status of an error; write one from 400 to 599, such as 429`,
		"status=busy":                 `status: "busy" is no HTTP status of an error; write one from 400 to 599, such as 429`,
		"status=429,retry-after=soon": `retry-after: "soon" is no number of seconds; write one such as 2`,
		"status=429,retry-after=-1":   `retry-after: "-1" is no number of seconds; write one such as 2`,
		"status=429,retry-after=1.5":  `retry-after: "1.5" is no number of seconds; write one such as 2`,
		"delay=12":                    `delay: "12" is no duration above 0; write one with its unit, such as 500ms or 12s`,
		"delay=0s":                    `delay: "0s" is no duration above 0; write one with its unit, such as 500ms or 12s`,
		"delay=-1s":                   `delay: "-1s" is no duration above 0; write one with its unit, such as 500ms or 12s`,
		"delay=4m1s":                  `delay: "4m1s" is too long; an answer is held back for 4m0s at most`,
	} {
		if _, err := fault.Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func FuzzParseKeepsWhatItTakes(f *testing.F) {
	f.Add("rate=0.1,status=429,retry-after=2")
	f.Add("nth=3,path=/v2/**,method=GET,drop,delay=1ms")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := fault.Parse(text)
		if err == nil && r.String() != text || err != nil && err.Error() == "" {
			t.Errorf("%q became %q, %v", text, r, err)
		}
	})
}
