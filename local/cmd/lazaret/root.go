package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the command lazaret with all its subcommands.
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
		SilenceUsage:      true, // 20 lines of flags would hide the line that names the mistake
		DisableAutoGenTag: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%s: %w (%[1]s --help lists the flags)", cmd.CommandPath(), err)}
	})
	root.AddCommand(
		localCommand(),
		demoCommand(),
		scanCommand(),
		deadLettersCommand(),
		statusCommand(),
		consoleCommand(),
		explainCommand(),
		redriveCommand(),
		backfillCommand(),
		reconcileCommand(),
		releaseCommand(),
		blockCommand(),
		waitCommand(),
		verifyCommand(),
		definitionsCommand(),
		planCommand(),
		versionCommand(),
	)
	return root
}

// noSuchCommand refuses an argument in the place of a subcommand, and names similar subcommands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help lists the commands"
	cmd.SuggestionsMinimumDistance = 2 // cobra's default, which cobra sets for its own message only
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = "similar: " + strings.Join(similar, ", ")
	}
	return usageError{fmt.Errorf("%s: there is no command %q (%s)", cmd.CommandPath(), args[0], hint)}
}

// withoutCommand lists the commands on standard error, since nothing was done.
func withoutCommand(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}
	return usageError{}
}

// noArguments refuses every argument of a command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return wrongArguments(cmd, "no argument", args)
}

// oneArgument returns a check that a command gets one argument. The description is part of the error: "one
// s3://bucket/key".
func oneArgument(description string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return wrongArguments(cmd, description, args)
	}
}

func wrongArguments(cmd *cobra.Command, want string, args []string) error {
	return wrongUsage(cmd, "want %s, got %q (%s --help shows examples)", want, args, cmd.CommandPath())
}

// wrongUsage is the error of a command line that cannot be carried out.
func wrongUsage(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf(cmd.CommandPath()+": "+format, args...)}
}
