package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// FileFlag is the flag that names the file of settings.
func FileFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "`FILE` file of settings, in YAML", DefaultText: DefaultFile + ", if it is there"}
}

// Flags are the settings of mode as flags of the command line. The app must not take their values apart at commas.
func Flags(mode Mode) []cli.Flag {
	all := []cli.Flag{FileFlag()}
	for _, s := range Settings {
		hidden, usage := !s.ForMode(mode), "`"+s.Value+"` "+s.Usage
		switch {
		case s.Value == "":
			all = append(all, &cli.BoolFlag{Name: s.Name, Usage: s.Usage, Hidden: hidden})
		case s.Many():
			all = append(all, &cli.StringSliceFlag{Name: s.Name, Usage: usage, Hidden: hidden})
		default:
			all = append(all, &cli.StringFlag{Name: s.Name, Usage: usage, DefaultText: s.Default(), Hidden: hidden})
		}
	}
	return all
}

// FlagHelp returns a flag's help: its name and value, and what it does in the line below.
func FlagHelp(f cli.Flag) string {
	name := "--" + f.Names()[0]
	documented, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return name
	}
	usage := documented.GetUsage()
	if quoted, rest, ok := strings.Cut(strings.TrimPrefix(usage, "`"), "` "); ok {
		name, usage = name+" "+quoted, rest
	}
	if text := documented.GetDefaultText(); text != "" && documented.TakesValue() {
		usage += " (default: " + text + ")"
	}
	return name + "\n" + usage
}

// FromFlags returns the Config of a run whose command line is c.
func FromFlags(c *cli.Context, mode Mode) (*Config, error) {
	if c.Args().Present() {
		return nil, fmt.Errorf("%q is no flag; \"twilio-vcr %s --help\" lists the flags", c.Args().First(), mode)
	}
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
