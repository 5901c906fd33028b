package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// redriveCommand lists dead letters, or sends them to the rescans queue.
func redriveCommand() *cobra.Command {
	var flags redriveFlags
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "List dead letters, and send them back to be tried again",
		Long: `List dead letters, or send them back to be tried again. They wait behind uploads,
in the queue <stack>-rescans.`,
		Example: `  lazaret redrive
  lazaret redrive --match AccessDenied --dry-run
  lazaret redrive --all
  lazaret redrive --output json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			return flags.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().BoolVar(&flags.all, "all", false, "redrive every dead letter")
	cmd.Flags().StringVar(&flags.match, "match", "",
		"redrive those whose error, cause, key or execution contains `TEXT`")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "show what would be redriven, and redrive nothing")
	cmd.Flags().IntVar(&flags.limit, "limit", 0,
		"redrive, or list, at most `N` dead letters (default as many as there are)")
	return cmd
}

// redriveFlags are the flags of the command redrive.
type redriveFlags struct {
	stack  stackFlags
	output outputFormat
	all    bool
	dryRun bool
	match  string // empty without --match
	limit  int
}

func (f *redriveFlags) check(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("match") && f.match == "":
		return wrongUsage(cmd, `--match "": every dead letter contains the empty text; --all says so`)
	case f.all && f.match != "":
		return wrongUsage(cmd, "--all and --match exclude each other")
	case f.limit < 0:
		return wrongUsage(cmd, "--limit %d: want 0 or more", f.limit)
	}
	return nil
}

// chooses reports whether the flags choose letters. Without a choice all letters are listed.
func (f *redriveFlags) chooses() bool { return f.all || f.match != "" }

func (f *redriveFlags) choose(l redrive.Letter) bool {
	return f.all || f.match != "" && l.Matches(f.match)
}

func (f *redriveFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	r := redrive.New(awsclient.SQS(cfg), stack)
	lists := f.dryRun || !f.chooses()
	switch {
	case lists && f.output.isJSON():
		return f.listJSON(ctx, stdout, r)
	case lists:
		return f.list(ctx, stdout, r, stack.Name)
	case f.output.isJSON():
		return f.redriveJSON(ctx, stdout, r)
	}
	printed := time.Now()
	result, err := r.Redrive(ctx, f.limit, f.choose, func(so redrive.Result) {
		if time.Since(printed) >= time.Second {
			printed = time.Now()
			fmt.Fprintf(stderr, "  %d redriven, %d seen\n", so.Redriven, so.Seen)
		}
	})
	printRedriven(stdout, stack.Name, result)
	return redriveError(ctx, result, err)
}

// list prints the dead letters by error. A dry run prints those that the flags choose.
func (f *redriveFlags) list(ctx context.Context, w io.Writer, r *redrive.Redriver, stack string) error {
	dryRun := f.dryRun && f.chooses()
	letters := lettersByError{Groups: redrive.Groups{MaxLetters: maxExamples}}
	if dryRun {
		letters.MaxLetters = 0
	}
	result, err := r.List(ctx, f.limit, func(l redrive.Letter) bool {
		if dryRun && !f.choose(l) {
			return false
		}
		letters.Add(l)
		return true
	})
	if dryRun {
		fmt.Fprintf(w, "%s would be redriven to %s-rescans, %d others seen and left\n",
			redrive.Number(letters.Count), stack, result.Seen-letters.Count)
	} else {
		fmt.Fprintf(w, "%s in %s-dead-letters\n", redrive.Number(letters.Count), stack)
	}
	letters.print(w)
	printRemarks(w, result)
	if err != nil && ctx.Err() != nil {
		return stoppedError{errors.New("before the end of the queue")}
	}
	if err == nil && letters.Count > 0 && !dryRun {
		fmt.Fprintln(w, "\nOnce the cause is gone: lazaret redrive --all, or --match TEXT for some "+
			"(error, cause, key or execution); --dry-run shows which.")
	}
	return err
}

// listJSON prints the dead letters that the flags choose, or all of them, as JSON.
func (f *redriveFlags) listJSON(ctx context.Context, w io.Writer, r *redrive.Redriver) error {
	var letters []letterJSON
	result, err := r.List(ctx, f.limit, func(l redrive.Letter) bool {
		if f.chooses() && !f.choose(l) {
			return false
		}
		letters = append(letters, newLetterJSON(l, ""))
		return true
	})
	if printing := printJSON(w, newRedriveJSON(letters, result)); printing != nil {
		return printing
	}
	return err
}

// redriveJSON redrives, and prints the result as JSON.
func (f *redriveFlags) redriveJSON(ctx context.Context, w io.Writer, r *redrive.Redriver) error {
	result, err := r.Redrive(ctx, f.limit, f.choose, func(redrive.Result) {})
	var failed []letterJSON
	for _, failure := range result.Failures {
		failed = append(failed, newLetterJSON(failure.Letter, failure.Reason))
	}
	if printing := printJSON(w, newRedriveJSON(failed, result)); printing != nil {
		return printing
	}
	return redriveError(ctx, result, err)
}

func printRedriven(w io.Writer, stack string, r redrive.Result) {
	fmt.Fprintf(w, "%s redriven to %s-rescans, %d others seen and left\n",
		redrive.Number(r.Redriven), stack, r.Seen-r.Redriven)
	const most = 10
	for i, f := range r.Failures {
		if i == most {
			fmt.Fprintf(w, "  … and %d more\n", len(r.Failures)-most)
			break
		}
		fmt.Fprintf(w, "  not redriven: %s: %s\n", describeLetter(f.Letter), terminal.Quote(f.Reason))
	}
	if r.InBoth > 0 {
		fmt.Fprintf(w, "%s redriven and not deleted, so they are in both queues; redriving again does no harm\n",
			redrive.Number(r.InBoth))
	}
	printRemarks(w, r)
}

// printRemarks says why the numbers may differ from what the operator expects.
func printRemarks(w io.Writer, r redrive.Result) {
	for _, remark := range r.Remarks() {
		fmt.Fprintln(w, remark)
	}
}

// redriveError is the error of a run that has left something to do.
func redriveError(ctx context.Context, r redrive.Result, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return stoppedError{errors.New("before the end; the dead letters that were not redriven are where they were")}
	case err != nil:
		return err
	case len(r.Failures) > 0:
		return fmt.Errorf("%s could not be redriven", redrive.Number(len(r.Failures)))
	case r.InBoth > 0:
		return fmt.Errorf("%s could not be deleted", redrive.Number(r.InBoth))
	case r.LostAnswers > 0:
		return errors.New("run the command again in five minutes, for letters that may be hidden")
	}
	return nil
}
