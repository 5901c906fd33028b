package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// discardFlags are the flags of the command dead-letters discard, beside those that choose letters by error and text.
type discardFlags struct {
	*deadLettersFlags
	message string
	reason  string
	yes     bool
}

func (f *deadLettersFlags) discardCommand() *cobra.Command {
	flags := discardFlags{deadLettersFlags: f}
	cmd := &cobra.Command{
		Use:   "discard",
		Short: "Remove dead letters for good, and print what was removed",
		Long: `Remove dead letters for good. The command shows what it would remove and asks first.
It prints each letter as one line of JSON before it removes it. Keep these lines: a body
that is sent to the queue <stack>-rescans again runs as lazaret redrive would have had it.`,
		Example: `  lazaret dead-letters discard --error NotUnderstood --reason 'a test' > removed.jsonl
  lazaret dead-letters discard --message 5d1af5fd-b1a5-4ed2-acf6-2d0aa38dd23f --reason 'no upload' --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			return flags.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.addChoice(cmd, "remove")
	cmd.Flags().StringVar(&flags.message, "message", "", "remove the one with this message `ID`")
	cmd.Flags().StringVar(&flags.reason, "reason", "", "why they are removed, as a `TEXT` for the lines that are printed")
	cmd.Flags().BoolVarP(&flags.yes, "yes", "y", false, "remove without asking")
	return cmd
}

func (f *discardFlags) check(cmd *cobra.Command) error {
	switch {
	case f.message == "" && f.match == "" && f.error == "":
		return wrongUsage(cmd, "want --message ID, --match TEXT or --error ERROR: which letters?")
	case strings.TrimSpace(f.reason) == "":
		return wrongUsage(cmd, "want --reason TEXT: why are they removed?")
	}
	return nil
}

func (f *discardFlags) chooses(l redrive.Letter) bool {
	return (f.message == "" || l.MessageID == f.message) && f.deadLettersFlags.chooses(l)
}

// run asks about the letters that are there now, and removes these alone: others that arrive meanwhile stay.
func (f *discardFlags) run(ctx context.Context, in io.Reader, stdout, stderr io.Writer) error {
	r, stack, err := f.open(ctx)
	if err != nil {
		return err
	}
	letters := lettersByError{Groups: redrive.Groups{MaxLetters: maxExamples}, times: true}
	shown := map[string]bool{} // by message id
	if _, err := r.List(ctx, 0, func(l redrive.Letter) bool {
		if !f.chooses(l) {
			return false
		}
		shown[l.MessageID] = true
		letters.Add(l)
		return true
	}); err != nil {
		return stoppedBeforeEnd(ctx, err)
	}
	if letters.Count == 0 {
		return errors.New("no dead letter of this kind is there, and none was removed")
	}
	fmt.Fprintf(stderr, "%s in %s-dead-letters would be removed for good\n", redrive.Number(letters.Count), stack.Name)
	letters.print(stderr)
	if !f.yes {
		if err := confirm(ctx, in, stderr, "\nRemove them? [y/N] ", "nothing was removed"); err != nil {
			return err
		}
	}
	removed := []discardedJSON{}
	result, err := r.Discard(ctx, func(l redrive.Letter) bool { return shown[l.MessageID] },
		func(batch []redrive.Letter) error {
			if !f.output.isJSON() {
				return printRemoved(stdout, batch, f.reason)
			}
			for _, l := range batch {
				removed = append(removed, newDiscardedJSON(l, f.reason))
			}
			return nil
		})
	if f.output.isJSON() {
		err = errors.Join(printJSON(stdout, discardJSON{
			Letters: removed, Removed: result.Discarded, NotRemoved: result.NotDeleted,
		}), err)
	}
	fmt.Fprintf(stderr, "%s removed\n", redrive.Number(result.Discarded))
	switch {
	case err != nil:
		return stoppedBeforeEnd(ctx, err)
	case result.NotDeleted > 0:
		return fmt.Errorf("%s could not be removed, and may come back in five minutes", redrive.Number(result.NotDeleted))
	case result.Discarded < letters.Count:
		return fmt.Errorf("%s were not found any more: another reader has them, or has sent them back; "+
			"run the command again", redrive.Number(letters.Count-result.Discarded))
	}
	return nil
}
