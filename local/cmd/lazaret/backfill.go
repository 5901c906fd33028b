package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
	"github.com/lazaret/lazaret/local/plan"
)

// backfillCommand scans what is in a bucket already.
func backfillCommand() *cobra.Command {
	flags := backfillFlags{question: question(sweep.Unjudged)}
	cmd := &cobra.Command{
		Use:   "backfill s3://bucket[/prefix]",
		Short: "Scan what is in a bucket already, behind what is uploaded",
		Long: `Scan the objects that are in a bucket already: the uploads bucket, or one of
ExistingBuckets. First it lists them, says how long their scans take and what
they cost on AWS, and asks. The scans wait behind uploads, in the queue
<stack>-rescans, and go on when this command is stopped.

By default those without a verdict are scanned, so that a second run continues
where the first one was stopped. --question stale scans again what was judged
under older definitions than those in use, or than --definitions; --question all
scans everything again.`,
		Example: `  lazaret backfill s3://held/invoices/ --dry-run
  lazaret backfill s3://held --versions --yes
  lazaret backfill s3://held --question stale`,
		Args: oneArgument("one s3://bucket or s3://bucket/prefix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd, args[0])
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().Var(&flags.question, "question", "which objects: unjudged, stale or all")
	cmd.Flags().IntVar(&flags.definitions, "definitions", 0,
		"with --question stale, the oldest daily `version` that is not stale (default the one in use)")
	cmd.Flags().BoolVar(&flags.versions, "versions", false, "scan every version, not only the current ones")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "look at the tags, say how many objects match, and scan none")
	cmd.Flags().BoolVarP(&flags.yes, "yes", "y", false, "start without asking")
	completeFlag(cmd, "question", string(sweep.Unjudged), string(sweep.Stale), string(sweep.All))
	return cmd
}

// question is the value of the flag --question.
type question sweep.Question

func (q *question) String() string { return string(*q) }
func (q *question) Type() string   { return "question" }

func (q *question) Set(s string) error {
	switch sweep.Question(s) {
	case sweep.Unjudged, sweep.Stale, sweep.All:
		*q = question(s)
		return nil
	}
	return fmt.Errorf("want %s, %s or %s", sweep.Unjudged, sweep.Stale, sweep.All)
}

// backfillFlags are the flags of the command backfill.
type backfillFlags struct {
	stack         stackFlags
	output        outputFormat
	question      question
	definitions   int
	versions      bool
	dryRun, yes   bool
	cfg           aws.Config
	found         deployment.Stack
	stdout, human io.Writer // human gets what people read: standard error with --output json
}

func (f *backfillFlags) run(cmd *cobra.Command, address string) error {
	bucket, prefix, err := parsePrefix(address)
	if err != nil {
		return wrongUsage(cmd, "%w", err)
	}
	if f.definitions < 0 || f.definitions > 0 && sweep.Question(f.question) != sweep.Stale {
		return wrongUsage(cmd, "--definitions %d: want a version above 0, and --question stale with it", f.definitions)
	}
	if !f.yes && !f.dryRun && !terminal.Is(cmd.InOrStdin()) {
		return wrongUsage(cmd, "standard input is no terminal, so it cannot ask: give --yes or --dry-run")
	}
	ctx := cmd.Context()
	f.stdout, f.human = cmd.OutOrStdout(), cmd.OutOrStdout()
	if f.output.isJSON() {
		f.human = cmd.ErrOrStderr()
	}
	if f.cfg, f.found, err = f.stack.find(ctx); err != nil {
		return err
	}
	request := sweep.Request{
		Bucket: bucket, Prefix: prefix, Question: sweep.Question(f.question), Versions: f.versions, DryRun: f.dryRun,
		Purpose: sweep.Backfill, Definitions: f.definitions,
	}
	if request.Question != sweep.Unjudged {
		request.Purpose = sweep.Rescan
	}
	if request.Question == sweep.Stale && f.definitions == 0 {
		if request.Definitions, err = dailyInUse(ctx, f.cfg, f.found); err != nil {
			return err
		}
	}
	status := newProgress(cmd.ErrOrStderr())
	defer status.clear()
	objects, err := sweeps.Count(ctx, awsclient.S3(f.cfg), bucket, prefix, f.versions, func(n float64) {
		status.show("%s versions listed", plan.Count(n))
	})
	status.clear()
	if err != nil {
		return startError{err}
	}
	n, bytes := objects.Total()
	fmt.Fprintf(f.human, "%s below s3://%s/%s, %s in all\n", f.nouns(n), bucket, prefix, plan.Size(bytes))
	if n == 0 {
		return f.end(request, sweep.Summary{Request: request})
	}
	estimate, err := newEstimate(ctx, f.cfg, f.found, objects)
	if err != nil {
		return err
	}
	estimate.print(f.human, request)
	if !f.yes && !f.dryRun {
		if err := confirm(ctx, cmd.InOrStdin(), cmd.ErrOrStderr(), "Start? [y/N] ", "nothing was started"); err != nil {
			return startError{err}
		}
	}
	return f.sweep(ctx, request, status)
}

// nouns returns "12 objects" or "12 versions".
func (f *backfillFlags) nouns(n float64) string {
	noun := "object"
	if f.versions {
		noun = "version"
	}
	if n != 1 {
		noun += "s"
	}
	return plan.Count(n) + " " + noun
}

// sweep runs the sweep, and follows the scans that it asks for.
func (f *backfillFlags) sweep(ctx context.Context, r sweep.Request, status *progress) error {
	states := awsclient.StepFunctions(f.cfg)
	execution, err := sweeps.Start(ctx, states, f.found, r)
	if err != nil {
		return err
	}
	began := time.Now()
	summary, err := sweeps.Follow(ctx, states, execution, func() {
		status.show("looking at tags for %s", time.Since(began).Round(time.Second))
	})
	status.clear()
	if err != nil && ctx.Err() != nil {
		return stoppedError{fmt.Errorf("the sweep goes on: %s", execution)}
	}
	if err != nil {
		return err
	}
	if summary.Sent > 0 {
		fmt.Fprintf(f.human, "%s sent to %s\n", f.nouns(float64(summary.Sent)), f.found.Queue("rescans"))
		if err := f.drain(ctx, status); err != nil {
			return err
		}
	}
	return f.end(r, summary)
}

// end prints the summary. Versions that could not be looked at are an error.
func (f *backfillFlags) end(r sweep.Request, s sweep.Summary) error {
	if f.output.isJSON() {
		if err := printJSON(f.stdout, s); err != nil {
			return err
		}
	} else {
		printSummary(f.stdout, f.nouns, s)
	}
	return incomplete(s)
}

// parsePrefix reads s3://bucket or s3://bucket/prefix.
func parsePrefix(address string) (bucket, prefix string, err error) {
	rest, isS3 := strings.CutPrefix(address, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !isS3 || bucket == "" {
		return "", "", fmt.Errorf("read %q: want s3://bucket or s3://bucket/prefix", address)
	}
	return bucket, prefix, nil
}
