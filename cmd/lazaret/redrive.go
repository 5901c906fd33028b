package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/cmd/lazaret/redrive"
)

// redriveCommand lists dead letters, or sends them back to the uploads queue.
func redriveCommand() *cobra.Command {
	var c redriveCall
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "List dead letters, and send them back to be tried again",
		Example: `  lazaret redrive
  lazaret redrive --match AccessDenied --dry-run
  lazaret redrive --all
  lazaret redrive --output json`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(cmd); err != nil {
				return err
			}
			return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	c.where.flags(flags)
	c.form.flag(cmd)
	flags.BoolVar(&c.all, "all", false, "redrive every dead letter")
	flags.StringVar(&c.match, "match", "", "redrive those whose error, cause, key or execution contains `TEXT`")
	flags.BoolVar(&c.dry, "dry-run", false, "show what would be redriven, and redrive nothing")
	flags.IntVar(&c.limit, "limit", 0, "redrive, or list, at most `N` dead letters (default as many as there are)")
	return cmd
}

// redriveCall is one call of the command.
type redriveCall struct {
	where    deployed
	form     output
	all, dry bool
	match    string // empty when it was not given
	limit    int
}

func (c *redriveCall) check(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("match") && c.match == "":
		return wrongUsage(cmd, `--match "": an empty text is part of everything: --all says so`)
	case c.all && c.match != "":
		return wrongUsage(cmd, "--all and --match exclude each other")
	case c.limit < 0:
		return wrongUsage(cmd, "--limit %d: want 0 or more", c.limit)
	}
	return nil
}

// chooses reports whether the flags choose letters; without, all are listed.
func (c *redriveCall) chooses() bool { return c.all || c.match != "" }

func (c *redriveCall) choose(l redrive.Letter) bool {
	return c.all || c.match != "" && l.Matches(c.match)
}

func (c *redriveCall) run(ctx context.Context, stdout, stderr io.Writer) error {
	cfg, s, err := c.where.find(ctx)
	if err != nil {
		return err
	}
	r := redrive.New(sqsClient(cfg), s)
	if c.form.json() {
		return c.asJSON(ctx, stdout, r)
	}
	if c.dry || !c.chooses() {
		return listLetters(ctx, stdout, r, s.Name, c.limit, c.choose, c.dry && c.chooses())
	}
	shown := time.Now()
	result, err := r.Redrive(ctx, c.limit, c.choose, func(so redrive.Result) {
		if time.Since(shown) >= time.Second {
			shown = time.Now()
			fmt.Fprintf(stderr, "  %d redriven, %d looked at\n", so.Redriven, so.Seen)
		}
	})
	return redriven(ctx, stdout, s.Name, result, err)
}

// redriven reports a redrive. Its error says what is left to do.
func redriven(ctx context.Context, w io.Writer, name string, r redrive.Result, err error) error {
	fmt.Fprintf(w, "%s redriven to %s-uploads, %d others seen and left\n", letters(r.Redriven), name, r.Seen-r.Redriven)
	for i, f := range r.Failures {
		if i == 10 {
			fmt.Fprintf(w, "  … and %d more\n", len(r.Failures)-i)
			break
		}
		fmt.Fprintf(w, "  not redriven: %s: %s\n", subject(f.Letter), printable(f.Reason))
	}
	if r.Both > 0 {
		fmt.Fprintf(w, "%s redriven but not deleted, and so in both queues; redriving again does no harm\n", letters(r.Both))
	}
	remarks(w, r)
	return left(ctx, r, err)
}

// left is the error of a redrive that left something to do.
func left(ctx context.Context, r redrive.Result, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return stoppedError{errors.New("before the end; what was not redriven is where it was")}
	case err != nil:
		return err
	case len(r.Failures) > 0:
		return fmt.Errorf("%s could not be redriven", letters(len(r.Failures)))
	case r.Both > 0:
		return fmt.Errorf("%s could not be deleted", letters(r.Both))
	case r.Lost > 0:
		return errors.New("run it again in five minutes, for what may be hidden")
	}
	return nil
}

// remarks says why the numbers may be other than expected.
func remarks(w io.Writer, r redrive.Result) {
	if r.Busy > 0 {
		fmt.Fprintf(w, "about %s hidden when this began: another listing or redrive has them, or one was killed less than five minutes ago\n", letters(r.Busy))
	}
	if r.Again > 0 {
		fmt.Fprintf(w, "%s left, about what was redriven just now: it failed again, or had two letters\n", letters(r.Again))
	}
	if r.Newer > 0 {
		fmt.Fprintf(w, "%s arrived meanwhile\n", letters(r.Newer))
	}
	if r.More {
		fmt.Fprintln(w, "there are more than SQS hands out at once: run it again for the rest")
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "up to %s are hidden for five minutes: SQS handed them out, but its answer was lost on the way\n", letters(10*r.Lost))
	}
	if r.Hidden > 0 {
		fmt.Fprintf(w, "%s could not be given back and will be visible again within five minutes\n", letters(r.Hidden))
	}
}

func letters(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}
