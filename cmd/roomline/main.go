// Command roomline joins Matrix calls to telephone lines.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"roomline/signalling/matrix"
)

// The exit statuses, which scripts rely on.
const (
	exitOK      = 0
	exitProblem = 1 // what was asked for could not be done
	exitUsage   = 2 // what was asked for makes no sense
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run carries out one command line and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	return program{start: newGateway, signals: notify, inspect: matrix.Inspect}.run(args, stdout, stderr)
}

func (p program) run(args []string, stdout, stderr io.Writer) int {
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	var failed problem
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, failed)
		return exitProblem
	}
	fmt.Fprintf(stderr, "%v\nSee %s --help\n", err, cmd.CommandPath())
	return exitUsage
}

// problem is an error of the work itself, not of the command line.
type problem struct{ error }

func (p problem) Unwrap() error { return p.error }

func (p program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "roomline",
		Short:         "Phone lines for Matrix rooms",
		Long:          about,
		Version:       build(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(*cobra.Command, []string) error { return errors.New("expected a command") },
	}
	// what has subcommands cannot be used without one
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(p.runCommand(), p.checkCommand(), registrationCommand(), identityCommand(), exampleCommand(), configCommand(), versionCommand())
	return root
}

const about = `Roomline joins Matrix calls to telephone lines: phone lines for Matrix rooms.

  roomline example > roomline.yaml           every key with its default, to be edited
  roomline check -c roomline.yaml            every mistake with its line, and whether calls can work
  roomline registration -c roomline.yaml     the file that the homeserver needs
  roomline run -c roomline.yaml

Exit status: 0, 1 for a problem, 2 for wrong usage.`

// command makes a subcommand without arguments, whose errors are problems.
func command(use, short string, do func(*cobra.Command) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, DisableFlagsInUseLine: true, RunE: func(c *cobra.Command, _ []string) error {
		if err := do(c); err != nil {
			return problem{err}
		}
		return nil
	}}
}

// withFile makes a subcommand that needs -c FILE.
func withFile(use, short string, do func(c *cobra.Command, file string) error) *cobra.Command {
	var file string
	c := command(use+" -c FILE", short, func(c *cobra.Command) error { return do(c, file) })
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `FILE`")
	c.PreRunE = func(*cobra.Command, []string) error {
		if file == "" {
			return errors.New("expected -c FILE, the configuration file")
		}
		return nil
	}
	return c
}
