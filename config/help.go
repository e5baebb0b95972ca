package config

import (
	"errors"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// AppHelp is the template of the help of the program.
const AppHelp = `{{.Name}} - {{.Usage}}

USAGE:
   {{wrap .UsageText 3}}

MODES:{{range .VisibleCommands}}{{if not (or (eq .Name "cassette") (eq .Name "ca"))}}
   {{printf "%-12s" .Name}} {{wrap .Usage 16}}{{end}}{{end}}

COMMANDS:{{range .VisibleCommands}}{{if or (eq .Name "cassette") (eq .Name "ca")}}
   {{printf "%-12s" .Name}} {{wrap .Usage 16}}{{end}}{{end}}

   {{wrap .Description 3}}

FLAGS:
   --help     show this, or the help of a mode
   --version  show the version
`

// GroupHelp is that of a command that only has commands.
const GroupHelp = `{{.HelpName}} - {{.Usage}}

USAGE:
   {{wrap .UsageText 3}}

COMMANDS:{{range .VisibleCommands}}
   {{printf "%-12s" .Name}} {{wrap .Usage 16}}{{end}}
`

// CommandHelp is that of a command, or the beginning of that of a mode.
const CommandHelp = `{{.HelpName}} - {{.Usage}}

USAGE:
   {{wrap .UsageText 3}}

   {{wrap .Description 3}}

FLAGS:{{range .VisibleFlags}}
   {{wrap .String 6}}{{end}}
`

// SettingsHelp is the end of that of a mode.
const SettingsHelp = `
Each flag is also a setting in twilio-vcr.yaml ("log-level: debug") and in the
environment (TWILIO_VCR_LOG_LEVEL). Flags win, then the environment.
`

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

var undefinedFlag = regexp.MustCompile(`^flag provided but not defined: -+(.*)$`)
var missingValue = regexp.MustCompile(`^flag needs an argument: -+(.*)$`)
var badSwitch = regexp.MustCompile(`^invalid boolean value "(.*)" for -+(.*): .*$`)

// FlagProblem makes a sentence of what the flag package says. Help is the command whose help lists the flags.
func FlagProblem(err error, help string) error {
	message := err.Error()
	message = undefinedFlag.ReplaceAllString(message, `there is no flag --$1; "`+help+` --help" lists the flags`)
	message = missingValue.ReplaceAllString(message, `flag --$1 needs a value`)
	message = badSwitch.ReplaceAllString(message, `flag --$2: "$1" is neither true nor false`)
	return errors.New(message)
}
