package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// FileFlag is the flag that names the file of settings.
func FileFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "`FILE` file of settings, in YAML", DefaultText: DefaultFile + ", if it is there"}
}

// Flag is the setting of that name as a flag of the command line. There must be one.
func Flag(name string) cli.Flag {
	return Settings[slices.IndexFunc(Settings, func(s Setting) bool { return s.Name == name })].flag(false)
}

func (s Setting) flag(hidden bool) cli.Flag {
	usage := "`" + s.Value + "` " + s.Usage
	switch {
	case s.Value == "":
		return &cli.BoolFlag{Name: s.Name, Usage: s.Usage, Hidden: hidden}
	case s.Many():
		return &cli.StringSliceFlag{Name: s.Name, Usage: usage, Hidden: hidden}
	}
	return &cli.StringFlag{Name: s.Name, Usage: usage, DefaultText: s.Default(), Hidden: hidden}
}

// FlagsFirst returns args with what is a flag, or the value of one of flags, before everything else. Behind "--"
// nothing is a flag.
func FlagsFirst(flags []cli.Flag, args []string) []string {
	var first, rest []string
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		switch {
		case args[i] == "--":
			return append(append(first, "--"), append(rest, args[i+1:]...)...)
		case !isFlag || name == "":
			rest = append(rest, args[i])
			continue
		}
		first = append(first, args[i])
		if !takesValue(flags, strings.TrimPrefix(name, "-")) {
			continue
		}
		if i++; i == len(args) {
			return first // the value is missing, and nothing is to be taken for it
		}
		first = append(first, args[i])
	}
	return append(append(first, "--"), rest...)
}

func takesValue(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool {
		documented, ok := f.(cli.DocGenerationFlag)
		return ok && documented.TakesValue() && slices.Contains(f.Names(), name)
	})
}

// Flags are the settings of mode as flags of the command line. The app must not take their values apart at commas.
func Flags(mode Mode) []cli.Flag {
	all := []cli.Flag{FileFlag()}
	for _, s := range Settings {
		all = append(all, s.flag(!s.ForMode(mode)))
	}
	return all
}

// FromFlags returns the Config that the flags of c ask for. Of a command that has no mode, mode is "".
func FromFlags(c *cli.Context, mode Mode) (*Config, error) {
	given := map[string][]string{}
	for _, s := range Settings {
		switch {
		case !c.IsSet(s.Name):
		case s.Many():
			given[s.Name] = c.StringSlice(s.Name)
		default:
			given[s.Name] = []string{fmt.Sprint(c.Value(s.Name))}
		}
	}
	return Load(mode, Sources{File: c.String("config"), Getenv: os.LookupEnv, Flags: given})
}
