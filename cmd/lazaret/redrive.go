package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/lazaret/lazaret/internal/redrive"
)

// runRedrive lists dead letters, or sends them back to the uploads queue.
func runRedrive(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var where deployed
	var all, dry bool
	var limit int
	var match *string
	flags := flag.NewFlagSet("lazaret redrive", flag.ContinueOnError)
	flags.SetOutput(stderr)
	where.flags(flags)
	flags.BoolVar(&all, "all", false, "redrive every dead letter")
	flags.Func("match", "redrive those whose error, cause, key or execution contains `TEXT`", func(s string) error {
		if match = &s; s == "" {
			return errors.New("an empty text is part of everything: --all says so")
		}
		return nil
	})
	flags.BoolVar(&dry, "dry-run", false, "show what would be redriven, and redrive nothing")
	flags.IntVar(&limit, "limit", 0, "redrive, or list, at most `N` dead letters (default as many as there are)")
	extra, err := arguments(flags, args)
	if err != nil {
		return err
	}
	if wrong := redriveUsage(extra, all, match != nil, limit); wrong != "" {
		fmt.Fprintln(stderr, "lazaret redrive:", wrong)
		flags.Usage()
		return errUsage
	}
	cfg, s, err := where.find(ctx)
	if err != nil {
		return err
	}
	r := redrive.New(sqsClient(cfg), s)
	choose := func(l redrive.Letter) bool { return all || match != nil && l.Matches(*match) }
	if dry || !all && match == nil {
		return listLetters(ctx, stdout, r, s.Name, limit, choose, dry && (all || match != nil))
	}
	shown := time.Now()
	result, err := r.Redrive(ctx, limit, choose, func(so redrive.Result) {
		if time.Since(shown) >= time.Second {
			shown = time.Now()
			fmt.Fprintf(stderr, "  %d redriven, %d looked at\n", so.Redriven, so.Seen)
		}
	})
	return redriven(ctx, stdout, s.Name, result, err)
}

// redriveUsage is what is wrong with the command line, or "".
func redriveUsage(extra []string, all, match bool, limit int) string {
	switch {
	case len(extra) > 0:
		return fmt.Sprintf("argument %q belongs to no flag", extra[0])
	case all && match:
		return "--all and --match exclude each other"
	case limit < 0:
		return "--limit is 0 or more"
	}
	return ""
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
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("stopped before the end; what was not redriven is where it was")
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
