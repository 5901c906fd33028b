package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot is lazaret with all its commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lazaret",
		Short: "Lazaret is antivirus for S3: run it on this machine, and operate a deployed stack",
		Example: `  lazaret local
  lazaret scan 's3://bucket/key'
  source <(lazaret completion bash)`,
		Args:              noSuchCommand,
		RunE:              withoutCommand,
		SilenceErrors:     true, // exitCode prints them
		SilenceUsage:      true, // 20 lines of flags would hide the one line that says what is wrong
		DisableAutoGenTag: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%s: %w (%[1]s --help lists the flags)", cmd.CommandPath(), err)}
	})
	root.AddCommand(
		localCommand(),
		demoCommand(),
		scanCommand(),
		redriveCommand(),
		definitionsCommand(),
		versionCommand(),
	)
	return root
}

// noSuchCommand refuses an argument where a command's name is wanted, and names
// the commands that it may have been meant for.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help lists the commands"
	cmd.SuggestionsMinimumDistance = 2 // cobra's own, which it sets only for its own message
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = "similar: " + strings.Join(similar, ", ")
	}
	return usageError{fmt.Errorf("%s: there is no command %q (%s)", cmd.CommandPath(), args[0], hint)}
}

// withoutCommand lists the commands on standard error: nothing was done.
func withoutCommand(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}
	return usageError{}
}

// arguments checks how many arguments a command gets. What is what they are, in
// words: "one s3://bucket/key".
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return usageError{fmt.Errorf("%s: want %s, got %q (%[1]s --help shows examples)", cmd.CommandPath(), what, args)}
	}
}

// wrongUsage is the error of a command line that cannot be carried out.
func wrongUsage(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf(cmd.CommandPath()+": "+format, args...)}
}
