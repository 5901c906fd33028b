package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
	"github.com/lazaret/lazaret/local/plan"
)

// drain waits until no rescan waits or runs. Two readings in a row must say so, because SQS tells about how many
// messages it holds.
func (f *backfillFlags) drain(ctx context.Context, status *progress) error {
	queues := awsclient.SQS(f.cfg)
	executions := history.New(awsclient.StepFunctions(f.cfg), awsclient.Logs(f.cfg), f.found.Executions())
	const pause = 2 * time.Second
	for quiet := 0; quiet < 2; {
		waiting, received, err := permit.Depth(ctx, queues, f.found.Rescans)
		if err != nil {
			return drainError(ctx, err)
		}
		running, err := executions.CountRunning(ctx, 1)
		if err != nil {
			return drainError(ctx, err)
		}
		quiet++
		if waiting+received+running > 0 {
			quiet = 0
			status.show("%s wait in %s", plan.Count(float64(waiting+received)), f.found.Queue("rescans"))
		}
		select {
		case <-ctx.Done():
			return drainError(ctx, ctx.Err())
		case <-time.After(pause):
		}
	}
	status.clear()
	return nil
}

func drainError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stoppedError{errors.New("the scans go on; a second run continues where matches remain")}
	}
	return fmt.Errorf("follow the scans, which go on: %w", err)
}

// printSummary prints what a sweep has found.
func printSummary(w io.Writer, nouns func(float64) string, s sweep.Summary) {
	matching := map[sweep.Question]string{
		sweep.Unjudged: "without a verdict", sweep.All: "in all",
		sweep.Stale: fmt.Sprintf("judged under definitions older than %d", s.Definitions),
	}[s.Question]
	fmt.Fprintf(w, "%s looked at, %s %s (%s)\n", nouns(float64(s.Considered)), plan.Count(float64(s.Matched)), matching,
		plan.Size(float64(s.MatchedBytes)))
	switch {
	case s.DryRun:
		fmt.Fprintln(w, "a dry run: nothing was sent")
	case s.Matched > 0:
		fmt.Fprintf(w, "%s scanned or among the dead letters; prove it: lazaret reconcile %s\n",
			plan.Count(float64(s.Sent)), addressOf(s.Request))
	}
	if s.Vanished > 0 {
		fmt.Fprintf(w, "%s were deleted meanwhile\n", nouns(float64(s.Vanished)))
	}
	if s.Records != "" && s.Matched+s.Refused > 0 {
		fmt.Fprintf(w, "listed in %sobjects/\n", s.Records)
	}
}

// addressOf returns the address that a request was about, quoted for a shell.
func addressOf(r sweep.Request) string { return job.Object{Bucket: r.Bucket, Key: r.Prefix}.String() }

// incomplete returns an error if a sweep has not seen every version.
func incomplete(s sweep.Summary) error {
	switch {
	case s.Stopped:
		return fmt.Errorf("the sweep ended early, because no page could be looked at: %s; %snot-judged/ names the pages",
			s.Failure, s.Records)
	case s.FailedPages > 0:
		return fmt.Errorf("%d pages of up to 1,000 versions were not looked at, the first %s, because of %s; "+
			"%snot-judged/ names them: run it again", s.FailedPages, firstNotJudged(s), s.Failure, s.Records)
	case s.Refused > 0:
		return fmt.Errorf("the tags of %s versions may not be read by the function sweep; %sobjects/ names them",
			plan.Count(float64(s.Refused)), s.Records)
	}
	return nil
}

// firstNotJudged says where the first page lies that was not looked at.
func firstNotJudged(s sweep.Summary) string {
	if len(s.NotJudged) == 0 {
		return "at an unknown place"
	}
	page := s.NotJudged[0]
	bucket := job.Object{Bucket: page.Bucket}.String()
	if page.From.Key == "" {
		return "at the beginning of " + bucket
	}
	return "behind " + job.Object{Bucket: page.Bucket, Key: page.From.Key}.String()
}

// progress shows how far a command is, on one line of a terminal. Elsewhere it shows nothing.
type progress struct {
	w     io.Writer
	on    bool
	shown bool
}

func newProgress(w io.Writer) *progress { return &progress{w: w, on: terminal.Is(w)} }

func (p *progress) show(format string, args ...any) {
	if p.on {
		fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
		p.shown = true
	}
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
