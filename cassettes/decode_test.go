package cassettes

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/yaml.v3"
)

// itemText returns it as it stands on a tape.
func itemText(t testing.TB, it *cassette.Interaction) string {
	t.Helper()
	rest, err := encode(it, stockDash)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(item(stockDash, it.ID, rest, time.Now())), "    # recorded")
	return text
}

// sameAsYAML checks that decode, if it takes text, returns what the YAML reader does. It reports whether it
// has taken it.
func sameAsYAML(t *testing.T, text string) bool {
	t.Helper()
	got, ok := decode(text, stockDash)
	if !ok {
		return false
	}
	var want []*cassette.Interaction
	if err := yaml.Unmarshal([]byte(text), &want); err != nil || len(want) != 1 {
		t.Fatalf("the YAML reader says %v to\n%s", err, text)
	}
	sameInteractions(t, "decode", []*cassette.Interaction{got}, want)
	return true
}

func TestDecodeTakesWhatIsWrittenNearlyAlways(t *testing.T) {
	c, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range append(c.Interactions, numbered(3)) {
		if !sameAsYAML(t, itemText(t, it)) {
			t.Errorf("it leaves this to the YAML reader:\n%s", itemText(t, it))
		}
	}
	name := filepath.Join(t.TempDir(), "stock")
	stock := cassette.New(name)
	for _, it := range c.Interactions {
		stock.AddInteraction(it)
	}
	if err := stock.Save(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := split(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.parts {
		if !sameAsYAML(t, p.text) {
			t.Errorf("it leaves this of go-vcr's to the YAML reader:\n%s", p.text)
		}
	}
}

func TestDecodeReadsWhatTheYAMLReaderReads(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	taken := 0
	const n = 500
	for range n {
		text := itemText(t, nastyInteraction(r))
		if sameAsYAML(t, text) {
			taken++
		}
		for range 10 { // and what a hand edit may make of it
			at, part := r.IntN(len(text)), nastyParts[r.IntN(len(nastyParts))]
			edited := text[:at] + part + text[min(len(text), at+r.IntN(3)):]
			sameAsYAML(t, edited)
		}
	}
	if taken < n/20 {
		t.Errorf("only %d of %d were taken", taken, n)
	}
	t.Logf("%d of %d nasty interactions were taken", taken, n)
}

func FuzzDecodeReadsWhatTheYAMLReaderReads(f *testing.F) {
	f.Add(itemText(f, numbered(0)))
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		f.Add(itemText(f, nastyInteraction(r)))
	}
	f.Fuzz(func(t *testing.T, text string) { sameAsYAML(t, text) })
}
