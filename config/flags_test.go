package config

import (
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlagsMayStandBehindFiles(t *testing.T) {
	flags := []cli.Flag{&cli.BoolFlag{Name: "json"}, Flag("upstream")}
	for _, c := range []struct{ args, want []string }{
		{[]string{"a", "--upstream", "u", "b", "--json"}, []string{"--upstream", "u", "--json", "--", "a", "b"}},
		{[]string{"a", "-upstream=u", "b"}, []string{"-upstream=u", "--", "a", "b"}},
		{[]string{"--json", "a"}, []string{"--json", "--", "a"}},
		{[]string{"a", "--unknown", "b"}, []string{"--unknown", "--", "a", "b"}},
		{[]string{"a", "-", "--json", "--", "--upstream"}, []string{"--json", "--", "a", "-", "--upstream"}},
		{[]string{"a", "--upstream"}, []string{"--upstream"}}, // which has no value
		{nil, []string{"--"}},
	} {
		if got := FlagsFirst(flags, c.args); !slices.Equal(got, c.want) {
			t.Errorf("%q become %q, want %q", c.args, got, c.want)
		}
	}
}
