// Twilio-vcr is a recording and replaying reverse proxy for Twilio Verify.
//
// This file is the command line: it turns flags into a config.Config, picks the transport of the mode, and
// turns errors into one sentence and an exit code.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
	"github.com/twilio-vcr/twilio-vcr/config"
	"github.com/twilio-vcr/twilio-vcr/proxy"
	"github.com/twilio-vcr/twilio-vcr/proxy/ca"
	"github.com/twilio-vcr/twilio-vcr/proxy/run"
)

const version = "0.1.0"

// The exit codes, beside 0.
const (
	exitFailed     = 1 // it could not run: a broken cassette, a port in use
	exitUsage      = 2 // a wrong flag, mode or setting
	exitIncomplete = 3 // a call that was answered is not on the tape
	exitMissed     = 4 // in a strict run, something was asked for that is not on the tape
	exitUnused     = 5 // in a strict run, something on the tape was not asked for
)

// codedError is an error that ends the program with a code other than exitFailed.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

func main() {
	// net/http's client writes bytes of upstream's to the standard logger.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(program(ctx, os.Args, os.Stdout, os.Stderr))
}

// program is what main does, without its process: it returns the exit code.
func program(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp(stdout, stderr)
	err := app.RunContext(ctx, flagsFirst(app, args))
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "twilio-vcr: %v\n", err)
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// commands are the modes, with their help.
var commands = []struct {
	mode                        config.Mode
	usage, description, example string
}{
	{config.Record, "call upstream and record to a cassette",
		"Sends every call to upstream and puts it on the cassette, credentials redacted. Stop it with Ctrl-C.",
		"twilio-vcr record --cassette testdata/login.yaml"},
	{config.Replay, "answer from a cassette, without a network",
		"Answers every call from the cassette. A call that is not on it gets a 501 that says what is nearest.",
		"twilio-vcr replay --cassette testdata/login.yaml --play once"},
	{config.Auto, "replay what is on the cassette, record what is missing",
		"Answers from the cassette where it can, and calls upstream and records where it can't. The cassette is made if it is not there.",
		"twilio-vcr auto --cassette testdata/login.yaml"},
	{config.Passthrough, "call upstream and record nothing",
		"Sends every call to upstream, to see in the log what a client does.",
		"twilio-vcr passthrough --log-format json"},
}

func newApp(stdout, stderr io.Writer) *cli.App {
	cli.HelpPrinter = func(w io.Writer, template string, data any) {
		cli.HelpPrinterCustom(w, template, data, map[string]any{"wrapAt": func() int { return 80 }})
	}
	cli.FlagStringer = config.FlagHelp
	app := &cli.App{
		Name:                  "twilio-vcr",
		Usage:                 "a recording and replaying reverse proxy for Twilio Verify",
		UsageText:             "twilio-vcr MODE [flags]\ntwilio-vcr MODE --help",
		Description:           "Example, on a fresh machine:\n\n  twilio-vcr replay",
		CustomAppHelpTemplate: config.AppHelp,
		Version:               version,
		Writer:                stdout,
		ErrWriter:             stderr,
		ExitErrHandler:        func(*cli.Context, error) {}, // program decides
		OnUsageError:          usageError,
		HideHelpCommand:       true,

		DisableSliceFlagSeparator: true, // a fault has commas

		Action: func(c *cli.Context) error {
			if c.Args().Present() && c.Args().First() != "help" {
				return codedError{fmt.Errorf("there is no mode %q; the modes are record, replay, auto and passthrough", c.Args().First()), exitUsage}
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, command := range commands {
		app.Commands = append(app.Commands, &cli.Command{
			Name:               string(command.mode),
			Usage:              command.usage,
			UsageText:          "twilio-vcr " + string(command.mode) + " [flags]",
			Description:        command.description + "\n\nExample:\n\n  " + command.example,
			CustomHelpTemplate: config.CommandHelp + config.SettingsHelp,
			Flags:              config.Flags(command.mode),
			OnUsageError:       usageError,
			HideHelpCommand:    true,
			Action:             func(c *cli.Context) error { return serve(c, command.mode) },
		})
	}
	app.Commands = append(app.Commands, cassetteCommand(), caCommand())
	return app
}

// cassetteCommand has the commands that work on files, and need no proxy.
func cassetteCommand() *cli.Command {
	configFlag := config.FileFlag()
	cassette := &cli.Command{
		Name:               "cassette",
		Usage:              "look after cassettes: lint, redact, check",
		UsageText:          "twilio-vcr cassette lint|redact|check ...",
		CustomHelpTemplate: config.GroupHelp,
		HideHelpCommand:    true,
		OnUsageError:       usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return codedError{fmt.Errorf("there is no command \"cassette %s\"; there are lint, redact and check", c.Args().First()), exitUsage}
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
	for _, command := range []struct {
		name, usage, arguments, description, example string
		flags                                        []cli.Flag
		action                                       cli.ActionFunc
	}{
		{"lint", "say what is wrong with cassettes", "FILE|FOLDER...",
			"Says what in cassettes, of twilio-vcr or of go-vcr, is readable and should not be, breaks Twilio's contract, can't be loaded by stock go-vcr, or can never be matched. Ends with exit code 0 if there is nothing, 1 if there is.",
			"twilio-vcr cassette lint testdata",
			[]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "write the findings as JSON"}, configFlag}, lint},
		{"redact", "take out of cassettes what today's rules redact", "FILE...",
			"Applies the rules to cassettes that were recorded before, and says what that has taken out. Each file is replaced in one step, or left alone.",
			"twilio-vcr cassette redact testdata/old.yaml",
			[]cli.Flag{configFlag}, redactCassettes},
		{"check", "say whether the API still answers as recorded", "FILE...",
			"Sends the recorded requests again, in order, and says how the answers differ from the recorded ones. The credentials are those of the environment: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_KEY_SECRET. Ends with exit code 0 if there is no drift, 1 if there is.",
			"twilio-vcr cassette check testdata/login.yaml",
			append([]cli.Flag{
				&cli.BoolFlag{Name: "yes", Usage: "also send requests that change state: all but GET, HEAD and OPTIONS"},
				&cli.BoolFlag{Name: "update", Usage: "put the new answers in the place of the recorded ones"},
				&cli.BoolFlag{Name: "json", Usage: "write the findings as JSON"},
				configFlag,
			}, config.Flag("upstream")), check},
	} {
		cassette.Subcommands = append(cassette.Subcommands, &cli.Command{
			Name:               command.name,
			Usage:              command.usage,
			UsageText:          "twilio-vcr cassette " + command.name + " [flags] " + command.arguments,
			Description:        command.description + "\n\nExample:\n\n  " + command.example,
			CustomHelpTemplate: config.CommandHelp,
			Flags:              command.flags,
			OnUsageError:       usageError,
			HideHelpCommand:    true,
			Action:             command.action,
		})
	}
	return cassette
}

// caCommand has the commands for the local CA.
func caCommand() *cli.Command {
	command := &cli.Command{
		Name:        "ca",
		Usage:       "print where the certificate of the local CA is; renew, remove it",
		Description: "Prints the file of the certificate that clients need for --tls, and makes the CA if there is none. \"renew\" puts a new one in its place, which clients then need; \"remove\" removes it. It can only sign for the domain of upstream, for the host that is listened on and for this machine's own names.\n\nExample:\n\n  curl --cacert \"$(twilio-vcr ca)\" https://localhost:4010/v2/Services",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "pem", Usage: "print the certificate itself"}},
		Action:      openCA(ca.Open),
	}
	renew := &cli.Command{Name: "renew", Usage: "put a new CA in the place of the old one", Action: openCA(ca.Renew),
		Description: "Makes a new CA, replaces the old one in one step, and prints the file of its certificate.\n\nExample:\n\n  twilio-vcr ca renew"}
	remove := &cli.Command{Name: "remove", Usage: "remove the CA", Action: removeCA,
		Description: "Removes the key and the certificate.\n\nExample:\n\n  twilio-vcr ca remove"}
	command.Subcommands = []*cli.Command{renew, remove}
	for _, c := range []*cli.Command{command, renew, remove} {
		c.UsageText = "twilio-vcr ca " + c.Name + " [flags]"
		c.CustomHelpTemplate = config.CommandHelp
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		if c != remove {
			c.Flags = append(c.Flags, config.FileFlag(), config.Flag("upstream"), config.Flag("listen"))
		}
	}
	command.UsageText = "twilio-vcr ca [renew|remove] [flags]"
	return command
}

// usageError makes a sentence of what the flag package says.
func usageError(c *cli.Context, err error, _ bool) error {
	help := c.Command.HelpName
	if help == "" {
		help = c.App.Name
	}
	return codedError{config.FlagProblem(err, help), exitUsage}
}

// serve runs the proxy in one mode until the context of c ends.
func serve(c *cli.Context, mode config.Mode) error {
	if c.Args().Present() {
		return codedError{fmt.Errorf("%q is no flag; \"twilio-vcr %s --help\" lists the flags", c.Args().First(), mode), exitUsage}
	}
	cfg, err := config.FromFlags(c, mode)
	if err != nil {
		return codedError{err, exitUsage}
	}
	logger := proxy.NewLogger(cfg.LogFormat, cfg.LogLevel, c.App.ErrWriter)
	r, err := run.New(cfg, logger)
	if err != nil {
		return err
	}
	l, err := r.Listen()
	if err != nil {
		return errors.Join(err, r.Close())
	}
	if !cfg.IsLoopback() {
		logger.Warn("other machines can reach this proxy, and send calls through it; listen on 127.0.0.1 unless they must")
	}
	fmt.Fprintf(c.App.Writer, "ready %s\n", proxy.BaseURL(l))
	err = proxy.Serve(c.Context, l, r.Handler, r.Journal)
	report, lost := r.End()
	return ended(c, cfg, report, errors.Join(err, lost))
}

// ended tells what came of a run that has ended with err, and returns how the program ends.
func ended(c *cli.Context, cfg *config.Config, report *proxy.Report, err error) error {
	var unsaved error
	if cfg.Report != "" {
		unsaved = report.Save(cfg.Report)
	}
	if cfg.Strict {
		unsaved = errors.Join(unsaved, report.WriteTable(c.App.ErrWriter))
	}
	if n := report.Unrecorded(); err == nil && n > 0 {
		err = fmt.Errorf("the recording is not complete: %d answered calls are not on the tape; the log says why", n)
	}
	switch {
	case err != nil && (cfg.Mode == config.Record || cfg.Mode == config.Auto):
		return codedError{errors.Join(err, unsaved), exitIncomplete}
	case err != nil || unsaved != nil || !cfg.Strict:
		return errors.Join(err, unsaved)
	case report.Missed() > 0:
		return codedError{fmt.Errorf("strict: requests that nothing on the tape answers: %d; interactions that were not used: %d", report.Missed(), len(report.Unused)), exitMissed}
	case len(report.Unused) > 0:
		return codedError{fmt.Errorf("strict: interactions that were not used: %d; use them, or take them off the tape", len(report.Unused)), exitUnused}
	}
	return nil
}

// lint is the command "cassette lint".
func lint(c *cli.Context) error {
	policy, err := policyFor(c)
	if err != nil {
		return err
	}
	files, err := cassettes.Find(c.Args().Slice())
	if err != nil {
		return codedError{err, exitUsage}
	}
	all, faults, faulty := []cassettes.Finding{}, 0, 0
	for _, file := range files {
		before := faults
		for _, f := range cassettes.Lint(file, policy) {
			all = append(all, f)
			if !f.Note {
				faults++
			}
		}
		if faults > before {
			faulty++
		}
	}
	if err := printFindings(c, all); err != nil {
		return err
	}
	if faults > 0 {
		return fmt.Errorf("findings: %d, in %d of %d cassettes", faults, faulty, len(files))
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "cassettes without findings: %d\n", len(files))
	}
	return nil
}

// printFindings writes findings as lines, or as JSON if the flag says so.
func printFindings(c *cli.Context, all []cassettes.Finding) error {
	if !c.Bool("json") {
		for _, f := range all {
			fmt.Fprintln(c.App.Writer, f)
		}
		return nil
	}
	encoder := json.NewEncoder(c.App.Writer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

// check is the command "cassette check".
func check(c *cli.Context) error {
	cfg, err := configFor(c)
	if err != nil {
		return err
	}
	checker := cassettes.Checker{Upstream: cfg.Upstream, Transport: proxy.NewUpstream(), Policy: cfg.Redact,
		Account: os.Getenv("TWILIO_ACCOUNT_SID"), Changes: c.Bool("yes"), Update: c.Bool("update")}
	if checker.User, checker.Password, err = credentials(); err != nil {
		return err
	}
	sum := cassettes.Checked{Findings: []cassettes.Finding{}}
	var failed error
	for _, file := range c.Args().Slice() {
		checked, err := checker.Check(c.Context, file)
		failed = errors.Join(failed, err)
		sum.Add(checked)
	}
	if err := errors.Join(printFindings(c, sum.Findings), failed); err != nil {
		return err
	}
	verdict, ok := sum.Verdict(checker.Update)
	if !ok {
		return errors.New(verdict)
	}
	if !c.Bool("json") {
		fmt.Fprintln(c.App.Writer, verdict)
	}
	return nil
}

// credentials returns the user and the password of the environment: those of an API key, or else of the account.
func credentials() (user, password string, err error) {
	for _, names := range [][2]string{
		{"TWILIO_API_KEY", "TWILIO_API_KEY_SECRET"}, {"TWILIO_API_KEY", "TWILIO_API_SECRET"}, {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"},
	} {
		user, password := os.Getenv(names[0]), os.Getenv(names[1])
		if user != "" && password != "" {
			return user, password, nil
		}
	}
	return "", "", codedError{errors.New("check sends real requests: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_KEY_SECRET (or TWILIO_API_SECRET)"), exitUsage}
}

// openCA is the commands "ca" and "ca renew". Only what a script needs is on standard output.
func openCA(open func(dir string, domains []string) (*ca.CA, error)) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := misplaced(c); err != nil {
			return err
		}
		cfg, err := config.FromFlags(c, "")
		if err != nil {
			return codedError{err, exitUsage}
		}
		authority, err := run.CA(cfg, open)
		if err != nil {
			return err
		}
		if c.Bool("pem") {
			_, err = c.App.Writer.Write(authority.PEM())
		} else {
			_, err = fmt.Fprintln(c.App.Writer, authority.Path())
		}
		fmt.Fprintf(c.App.ErrWriter, "a client trusts this CA, until %s, if its environment has that path in %s\n", authority.Expiry().Format(time.DateOnly), ca.Variables)
		return err
	}
}

// misplaced finds what stands on the command line of "ca" where it has no effect.
func misplaced(c *cli.Context) error {
	name, word := c.Command.Name, c.Args().First()
	switch {
	case name == "ca" && word != "":
		return codedError{fmt.Errorf("there is no command \"ca %s\"; there are renew and remove", word), exitUsage}
	case word != "":
		return codedError{fmt.Errorf("%q is no flag; \"twilio-vcr ca %s --help\" lists the flags", word, name), exitUsage}
	case name != "ca" && c.Lineage()[1].NumFlags() > 0:
		return codedError{fmt.Errorf("flags of \"ca %s\" stand behind it; \"twilio-vcr ca %[1]s --help\" lists them", name), exitUsage}
	}
	return nil
}

// removeCA is the command "ca remove".
func removeCA(c *cli.Context) error {
	if err := misplaced(c); err != nil {
		return err
	}
	dir, err := ca.Dir()
	if err != nil {
		return err
	}
	removed, err := ca.Remove(dir)
	switch {
	case err != nil:
		return err
	case removed:
		fmt.Fprintf(c.App.ErrWriter, "removed the CA in %s; take it out of what trusts it\n", dir)
	default:
		fmt.Fprintf(c.App.ErrWriter, "there is no CA in %s\n", dir)
	}
	return nil
}

// redactCassettes is the command "cassette redact".
func redactCassettes(c *cli.Context) error {
	policy, err := policyFor(c)
	if err != nil {
		return err
	}
	var failed error
	for _, file := range c.Args().Slice() {
		findings, err := cassettes.Redact(file, policy)
		failed = errors.Join(failed, err)
		for _, f := range findings {
			fmt.Fprintln(c.App.Writer, f)
		}
		if err == nil && len(findings) == 0 {
			fmt.Fprintf(c.App.Writer, "%s: there was nothing to take out\n", file)
		}
	}
	return failed
}

// policyFor returns what is redacted, for a command on the files that are named.
func policyFor(c *cli.Context) (*redact.Policy, error) {
	cfg, err := configFor(c)
	if err != nil {
		return nil, err
	}
	return cfg.Redact, nil
}

// configFor returns the settings for a command on the files that are named.
func configFor(c *cli.Context) (*config.Config, error) {
	if !c.Args().Present() {
		return nil, codedError{fmt.Errorf("name a cassette; \"twilio-vcr cassette %s --help\" says how", c.Command.Name), exitUsage}
	}
	cfg, err := config.FromFlags(c, "")
	if err != nil {
		return nil, codedError{err, exitUsage}
	}
	return cfg, nil
}

// flagsFirst puts the flags of a command on files before the files, where the flag package wants them.
func flagsFirst(app *cli.App, args []string) []string {
	command := app.Command("cassette")
	if len(args) < 3 || args[1] != command.Name {
		return args
	}
	for _, sub := range command.Subcommands {
		if sub.Name == args[2] {
			return append(slices.Clone(args[:3]), config.FlagsFirst(sub.Flags, args[3:])...)
		}
	}
	return args
}
