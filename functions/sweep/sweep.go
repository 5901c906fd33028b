package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/sweep"
)

// objects is what the function calls of S3.
type objects interface {
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
	GetObjectTagging(
		context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options),
	) (*s3.GetObjectTaggingOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// queues is what the function calls of SQS.
type queues interface {
	SendMessageBatch(
		context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.SendMessageBatchOutput, error)
	permit.AttributesAPI
}

type handler struct {
	s3      objects
	sqs     queues
	records string   // name of the bucket of records
	rescans string   // URL of the queue of rescans
	buckets []string // that may be swept: the uploads bucket and the existing ones
	clean   string   // name of the clean bucket, empty in the layout two-bucket
	metrics *metric.Emitter
	now     func() time.Time
}

// request is the event of an invocation. Each state of statemachine/sweep.asl.json has an action of its own.
type request struct {
	Action    string         `json:"action"`
	Execution string         `json:"execution,omitempty"` // ARN, for begin
	Request   *sweep.Request `json:"request,omitempty"`   // for begin
	InUse     *sweep.InUse   `json:"inUse,omitempty"`     // for begin of a retro-scan
	State     *sweep.State   `json:"state,omitempty"`     // for all but begin
	Page      *sweep.Page    `json:"page,omitempty"`      // for judge
}

// handle returns the new state as JSON, or for judge the counts of a page, or for report the summary.
func (h *handler) handle(ctx context.Context, r request) (json.RawMessage, error) {
	var out any
	var err error
	switch {
	case r.Action == "begin" && r.Request != nil && r.Execution != "":
		out, err = h.begin(ctx, *r.Request, r.InUse, sweep.RunOf(r.Execution))
	case r.State == nil:
		err = fmt.Errorf("%w: action %q without what it is about", job.ErrBadJob, r.Action)
	case r.Action == "list":
		out, err = h.list(ctx, *r.State)
	case r.Action == "judge" && r.Page != nil:
		out, err = h.judge(ctx, *r.State, *r.Page)
	case r.Action == "count":
		out, err = h.count(ctx, *r.State)
	case r.Action == "report":
		out, err = h.report(ctx, *r.State)
	default:
		err = fmt.Errorf("%w: action %q, want begin, list, judge, count or report", job.ErrBadJob, r.Action)
	}
	if err != nil {
		slog.ErrorContext(ctx, "sweep", "action", r.Action, "error", job.Name(err), "cause", err.Error())
		return nil, err
	}
	return json.Marshal(out)
}

// begin checks a request and makes the state of its sweep.
func (h *handler) begin(
	ctx context.Context, r sweep.Request, inUse *sweep.InUse, run string,
) (sweep.State, error) {
	olderThan, err := r.Check()
	if err != nil {
		return sweep.State{}, fmt.Errorf("%w: %w", job.ErrBadJob, err)
	}
	buckets, err := h.sweeps(r)
	if err != nil {
		return sweep.State{}, fmt.Errorf("%w: %w", job.ErrBadJob, err)
	}
	started := h.now().UTC().Truncate(time.Millisecond)
	s := sweep.State{
		Request: r, Run: run, Started: started, Before: started.Add(-olderThan), Buckets: buckets,
		Results: sweep.Folder(run) + "results",
		Summary: sweep.Summary{Request: r, Started: started, Records: "s3://" + h.records + "/" + sweep.Folder(run)},
	}
	if r.Purpose == sweep.Retro {
		return s, h.beginRetro(ctx, &s, inUse)
	}
	return s, nil
}

// sweeps returns the buckets that a request is about. Objects come into the clean bucket with a verdict, so that only
// the questions about old verdicts are asked there.
func (h *handler) sweeps(r sweep.Request) ([]string, error) {
	all := h.buckets
	if h.clean != "" && (r.Question != sweep.Unjudged || r.Bucket != "") {
		all = append(slices.Clone(h.buckets), h.clean)
	}
	if r.Bucket == "" {
		return all, nil
	}
	if !slices.Contains(all, r.Bucket) {
		return nil, fmt.Errorf("%w: bucket %s is not one of those that the stack scans: %s",
			sweep.ErrRequest, r.Bucket, strings.Join(all, ", "))
	}
	return []string{r.Bucket}, nil
}

// report ends a sweep: it logs the summary, and counts the pages that could not be judged. After a look at every bucket
// of the stack it counts the age of the oldest version without a verdict.
func (h *handler) report(ctx context.Context, s sweep.State) (sweep.Summary, error) {
	sum := s.Summary
	sum.Ended = h.now().UTC().Truncate(time.Millisecond)
	if sum.FailedPages > 0 {
		value := metric.Value{Name: metric.SweepPagesFailed, Unit: metric.Count, Value: float64(sum.FailedPages)}
		if err := h.metrics.Emit(nil, value); err != nil {
			return sum, fmt.Errorf("report the sweep %s: %w", s.Run, err)
		}
	}
	known := sum.Complete() || !sum.OldestUnjudged.IsZero() // an age of 0 would end the alarm
	if s.Request.Bucket == "" && s.Request.Purpose == sweep.Reconcile && known {
		age := 0.0
		if !sum.OldestUnjudged.IsZero() {
			age = sum.Ended.Sub(sum.OldestUnjudged).Seconds()
		}
		value := metric.Value{Name: metric.OldestUnscannedAge, Unit: metric.Seconds, Value: age}
		if err := h.metrics.Emit(nil, value); err != nil {
			return sum, fmt.Errorf("report the sweep %s: %w", s.Run, err)
		}
	}
	slog.InfoContext(ctx, "sweep ended", "run", s.Run, "summary", sum)
	return sum, nil
}
