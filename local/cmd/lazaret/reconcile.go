package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
	"github.com/lazaret/lazaret/local/plan"
)

// reconcileCommand proves that every version has a verdict.
func reconcileCommand() *cobra.Command {
	var flags reconcileFlags
	cmd := &cobra.Command{
		Use:   "reconcile [s3://bucket[/prefix]]",
		Short: "Prove that every version has a verdict, or name those that have none and why",
		Long: `Look at the tags of every version, and prove that each has a verdict. Name each one
without, and why:

  never started             no queue holds a message, no execution runs and no dead
                            letter names it: its event was lost. lazaret backfill
                            scans it
  waiting or never started  a message in a queue may name it: look again later
  running                   an execution scans it now
  dead letter               its scans ended without a verdict: lazaret redrive
  rescan failed             it has an older verdict, and a later scan became a dead
                            letter
  tags not readable         a policy of the bucket refuses the function sweep

Without an address all buckets that the stack scans are looked at. It costs half a
dollar for a million versions, and changes nothing. Versions younger than
--older-than are left out: right after an outage say --older-than 0s.

Exit code: 0 each version has a verdict, 1 some have none, 2 could not start.`,
		Example: `  lazaret reconcile
  lazaret reconcile s3://held/invoices/ --older-than 1h
  lazaret reconcile s3://held --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.olderThan < 0 {
				return wrongUsage(cmd, "--older-than %v: want 0 or more", flags.olderThan)
			}
			request := sweep.Request{
				Question: sweep.Unjudged, Versions: true, DryRun: true, Purpose: sweep.Reconcile,
				OlderThan: flags.olderThan.String(),
			}
			if len(args) == 1 {
				var err error
				if request.Bucket, request.Prefix, err = parsePrefix(args[0]); err != nil {
					return wrongUsage(cmd, "%w", err)
				}
			}
			return flags.run(cmd.Context(), request, cmd.OutOrStdout(), newProgress(cmd.ErrOrStderr()))
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().DurationVar(&flags.olderThan, "older-than", 15*time.Minute, "leave out versions that are younger")
	return cmd
}

// reconcileFlags are the flags of the command reconcile.
type reconcileFlags struct {
	stack     stackFlags
	output    outputFormat
	olderThan time.Duration
}

// reconciled is what reconcile has found out.
type reconciled struct {
	Summary  sweep.Summary    `json:"summary"`
	Versions []reconciledJSON `json:"versions"`
	byState  map[sweeps.State][]sweeps.Version
}

// reconciledJSON is a version in the output of reconcile --output json. The object is an address that scan accepts.
type reconciledJSON struct {
	Object  string       `json:"object"`
	State   sweeps.State `json:"state"`
	Detail  string       `json:"detail,omitempty"`
	Verdict job.Verdict  `json:"verdict,omitempty"` // an older one, with its time
	Time    string       `json:"time,omitempty"`
}

func (f *reconcileFlags) run(ctx context.Context, request sweep.Request, stdout io.Writer, status *progress) error {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	defer status.clear()
	states, objects, queues := awsclient.StepFunctions(cfg), awsclient.S3(cfg), awsclient.SQS(cfg)
	execution, err := sweeps.Start(ctx, states, stack, request)
	if err != nil {
		return err
	}
	began := time.Now()
	r := reconciled{byState: map[sweeps.State][]sweeps.Version{}, Versions: []reconciledJSON{}}
	r.Summary, err = sweeps.Follow(ctx, states, execution, func() {
		status.show("looking at tags for %s", time.Since(began).Round(time.Second))
	})
	if err != nil {
		return reconcileError(ctx, err)
	}
	status.show("looking for the reasons")
	evidence, err := sweeps.Collect(ctx, stack, queues, states, redrive.New(queues, stack), objects)
	if err != nil {
		return reconcileError(ctx, err)
	}
	for found, err := range sweeps.Found(ctx, objects, stack.Bucket("records"), sweep.RunOf(execution)) {
		if err != nil {
			return reconcileError(ctx, err)
		}
		v, err := evidence.Explain(ctx, found)
		if err != nil {
			return reconcileError(ctx, err)
		}
		r.add(v)
	}
	failed, err := evidence.FailedRescans(ctx, covers(request))
	if err != nil {
		return reconcileError(ctx, err)
	}
	for _, v := range failed {
		r.add(v)
	}
	status.clear()
	if f.output.isJSON() {
		err = printJSON(stdout, r)
	} else {
		err = r.print(stdout, stack)
	}
	return errors.Join(err, r.err())
}

func reconcileError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stoppedError{errors.New("before the end; nothing is proved")}
	}
	return err
}

// covers returns what tells whether a request is about an object.
func covers(r sweep.Request) func(job.Object) bool {
	return func(o job.Object) bool {
		return r.Bucket == "" || o.Bucket == r.Bucket && strings.HasPrefix(o.Key, r.Prefix)
	}
}

// add adds a version whose state is something to tell.
func (r *reconciled) add(v sweeps.Version) {
	switch v.State {
	case sweeps.ScannedSince, sweeps.GoneSince:
		return
	}
	r.byState[v.State] = append(r.byState[v.State], v)
	r.Versions = append(r.Versions, reconciledJSON{
		Object: v.Address(), State: v.State, Detail: v.Detail, Verdict: v.Verdict, Time: v.Time,
	})
}

// err returns an error if it is not proved that each version has a verdict.
func (r *reconciled) err() error {
	if err := incomplete(r.Summary); err != nil && r.Summary.FailedPages > 0 {
		return err
	}
	if n := len(r.Versions); n > 0 {
		return fmt.Errorf("%s without a verdict of their last scan", countVersions(n))
	}
	return nil
}

func countVersions(n int) string {
	if n == 1 {
		return "1 version"
	}
	return plan.Count(float64(n)) + " versions"
}

// mostShown is how many versions of a state are named. The output as JSON names all.
const mostShown = 20

// nextSteps say what to do about versions in a state. %s is the stack. NeverStarted has lostSteps.
var nextSteps = map[sweeps.State]string{
	sweeps.Waiting:      "look again when the queues are empty",
	sweeps.Running:      "look again in some minutes",
	sweeps.DeadLetter:   "once the cause is gone: lazaret redrive --all --stack-name %s",
	sweeps.RescanFailed: "the older verdict stands; once the cause is gone: lazaret redrive --all --stack-name %s",
	sweeps.Unreadable:   "let the role of the function %s-sweep read the tags (s3:GetObjectVersionTagging)",
}

func (r *reconciled) print(w io.Writer, stack deployment.Stack) error {
	s := r.Summary
	where := "all buckets of " + stack.Name
	if s.Bucket != "" {
		where = addressOf(s.Request)
	}
	fmt.Fprintf(w, "%s older than %s in %s looked at\n", countVersions(int(s.Considered)), s.OlderThan, where)
	for _, state := range sweeps.States {
		all := r.byState[state]
		if len(all) == 0 {
			continue
		}
		next := nextSteps[state]
		switch {
		case state == sweeps.NeverStarted:
			next = lostSteps(s.Request, all, stack)
		case strings.Contains(next, "%s"):
			next = fmt.Sprintf(next, stack.Name)
		}
		fmt.Fprintf(w, "\n%s: %d\n  %s\n", state, len(all), next)
		for i, v := range all {
			if i == mostShown {
				fmt.Fprintf(w, "  … and %d more; --output json names all\n", len(all)-mostShown)
				break
			}
			fmt.Fprintf(w, "  %s%s\n", v.Object, detailOf(v))
		}
	}
	if s.Vanished > 0 {
		fmt.Fprintf(w, "\n%s were deleted meanwhile\n", countVersions(int(s.Vanished)))
	}
	if r.err() != nil {
		return nil
	}
	said := "each has a verdict"
	if s.Considered == 0 {
		said = "nothing is proved: there is no version, or all are younger (--older-than 0s looks at those too)"
	}
	_, err := fmt.Fprintln(w, said)
	return err
}

// lostSteps says which backfills scan versions whose events were lost: that of the prefix which was looked at, or one
// for each bucket.
func lostSteps(r sweep.Request, lost []sweeps.Version, stack deployment.Stack) string {
	addresses := []string{addressOf(r)}
	if r.Bucket == "" {
		addresses = nil
		for _, v := range lost {
			addresses = append(addresses, addressOf(sweep.Request{Bucket: v.Bucket}))
		}
		slices.Sort(addresses)
		addresses = slices.Compact(addresses)
	}
	before := " "
	if len(addresses) > 1 {
		before = "\n    "
	}
	var steps strings.Builder
	steps.WriteString("their events were lost:")
	for _, address := range addresses {
		steps.WriteString(before + "lazaret backfill " + address + " --versions --stack-name " + stack.Name)
	}
	return steps.String()
}

// detailOf returns what is known of one version beside its state.
func detailOf(v sweeps.Version) string {
	detail := terminal.Quote(terminal.Shorten(v.Detail, 200))
	switch v.State {
	case sweeps.RescanFailed:
		return fmt.Sprintf("\n    %s since %s; then %s", v.Verdict, sweeps.Date(v.Time), detail)
	case sweeps.Waiting:
		return ""
	}
	if detail != "" {
		return "\n    " + detail
	}
	return ""
}
