package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// deadLettersCommand shows and removes dead letters. The command redrive sends them back.
func deadLettersCommand() *cobra.Command {
	var flags deadLettersFlags
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List, show or discard dead letters; redrive sends them back",
		Example: `  lazaret dead-letters
  lazaret dead-letters show 5d1af5fd-b1a5-4ed2-acf6-2d0aa38dd23f
  lazaret dead-letters discard --error NotUnderstood --reason 'test messages of a colleague'`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.list(cmd) },
	}
	flags.stack.add(cmd.PersistentFlags())
	flags.output.add(cmd)
	cmd.AddCommand(flags.listCommand(), flags.showCommand(), flags.discardCommand())
	return cmd
}

// deadLettersFlags are the flags of the command dead-letters and its subcommands.
type deadLettersFlags struct {
	stack  stackFlags
	output outputFormat
	match  string
	error  string
}

// addChoice adds the flags that choose letters.
func (f *deadLettersFlags) addChoice(cmd *cobra.Command, doing string) {
	cmd.Flags().StringVar(&f.match, "match", "",
		doing+" those whose error, cause, key or execution contains `TEXT`")
	cmd.Flags().StringVar(&f.error, "error", "", doing+" those with this `ERROR`, such as AccessDenied")
}

// chooses reports whether the flags choose a letter. Without a choice all are.
func (f *deadLettersFlags) chooses(l redrive.Letter) bool {
	return (f.error == "" || l.Error == f.error) && (f.match == "" || l.Contains(f.match))
}

func (f *deadLettersFlags) open(ctx context.Context) (*redrive.Redriver, deployment.Stack, error) {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return nil, stack, err
	}
	return redrive.New(awsclient.SQS(cfg), stack), stack, nil
}

func (f *deadLettersFlags) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters by error, since when they are there and when they expire",
		Example: `  lazaret dead-letters list
  lazaret dead-letters list --error TagLimit --output json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.list(cmd) },
	}
	f.addChoice(cmd, "list")
	return cmd
}

func (f *deadLettersFlags) list(cmd *cobra.Command) error {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	r, stack, err := f.open(ctx)
	if err != nil {
		return err
	}
	letters := lettersByError{Groups: redrive.Groups{MaxLetters: maxExamples}, times: true}
	all := []letterJSON{}
	result, err := r.List(ctx, 0, func(l redrive.Letter) bool {
		if !f.chooses(l) {
			return false
		}
		if f.output.isJSON() {
			all = append(all, newLetterJSON(l, ""))
		}
		letters.Add(l)
		return true
	})
	if f.output.isJSON() {
		return errors.Join(printJSON(w, newRedriveJSON(all, result)), err)
	}
	fmt.Fprintf(w, "%s in %s-dead-letters", redrive.Number(letters.Count), stack.Name)
	if others := result.Seen - letters.Count; others > 0 {
		fmt.Fprintf(w, " chosen, %d others", others)
	}
	fmt.Fprintln(w)
	letters.print(w)
	printRemarks(w, result)
	if err == nil && letters.Count > 0 {
		fmt.Fprintln(w, "\nOne letter as JSON: lazaret dead-letters show MESSAGE or EXECUTION. "+
			"To send them back once the cause is gone: lazaret redrive.")
	}
	return stoppedBeforeEnd(ctx, err)
}

func (f *deadLettersFlags) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show MESSAGE|EXECUTION",
		Short: "Show a dead letter as JSON, with its whole body",
		Long: `Show the dead letter with this message id, or those of this execution (name or ARN), as
JSON: what is known about it, and its body as it is in the queue.`,
		Example: `  lazaret dead-letters show 5d1af5fd-b1a5-4ed2-acf6-2d0aa38dd23f
  lazaret dead-letters show 2026_q3_txt-a22d2279c627cbf141ea81be4bba33a8675f63bc`,
		Args: oneArgument("one message id or execution"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, stack, err := f.open(ctx)
			if err != nil {
				return err
			}
			var found []redrive.Letter
			_, err = r.List(ctx, 0, func(l redrive.Letter) bool {
				if !named(l, args[0]) {
					return false
				}
				found = append(found, l)
				return true
			})
			if err != nil {
				return stoppedBeforeEnd(ctx, err)
			}
			if len(found) == 0 {
				return fmt.Errorf("no dead letter in %s-dead-letters has the message id or the execution %q",
					stack.Name, args[0])
			}
			for _, l := range found {
				if err := printJSON(cmd.OutOrStdout(), newWholeLetterJSON(l)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// named reports whether the name is the letter's message id, or its execution's name or ARN.
func named(l redrive.Letter, name string) bool {
	return l.MessageID == name || l.Execution != "" && (l.Execution == name || l.ExecutionName() == name)
}

// stoppedBeforeEnd returns a stoppedError if the command was stopped, and the error otherwise.
func stoppedBeforeEnd(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return stoppedError{errors.New("before the end of the queue")}
	}
	return err
}

// printRemoved prints the letters that are about to be removed, one line of JSON each.
func printRemoved(w io.Writer, letters []redrive.Letter, reason string) error {
	for _, l := range letters {
		if err := printJSONLine(w, newDiscardedJSON(l, reason)); err != nil {
			return err
		}
	}
	return nil
}
