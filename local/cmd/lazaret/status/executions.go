package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// mostExecutions bounds what is counted: ten requests.
const mostExecutions = 10_000

// Executions counts executions of both lanes.
type Executions struct {
	Answer
	Running    int `json:"running"`
	FailedHour int `json:"failedLastHour"` // ended other than with success in the last hour
}

// executions counts what runs, and what failed. A failure is no fault by itself: each has left a dead letter.
func (r *Reader) executions(ctx context.Context) (e Executions) {
	standard, notStandard := r.histories.CountRunning(ctx, mostExecutions)
	express, notExpress := r.histories.CountRunningExpress(ctx, mostExecutions)
	failed, notFailed := r.histories.CountFailed(ctx, time.Now().Add(-time.Hour), mostExecutions)
	if err := errors.Join(notStandard, notExpress, notFailed); err != nil {
		e.Answer = notKnown(err, "count the executions", "states:ListExecutions or logs:FilterLogEvents")
		return e
	}
	e.Running, e.FailedHour, e.State = standard+express, failed, OK
	e.Says = fmt.Sprintf("%d running, %d failed in the last hour", e.Running, e.FailedHour)
	return e
}

// Unjudged is the oldest object without a verdict that the last reconcile found.
type Unjudged struct {
	Answer
	Oldest *time.Time `json:"oldest,omitempty"` // absent if there was none
	AsOf   *time.Time `json:"asOf,omitempty"`   // when the sweep ended; absent if it is not known
}

const (
	sweepsWithin = 90 * 24 * time.Hour // Step Functions keeps executions for so long
	mostSweeps   = 20
	// unjudgedWait is how old an object without a verdict may be: it may wait in the queue.
	unjudgedWait = 15 * time.Minute
)

// unjudged reads the newest sweep that has looked for objects without a verdict. Status itself lists no bucket, which
// costs time and money.
func (r *Reader) unjudged(ctx context.Context) (u Unjudged) {
	reconcile := r.command("lazaret reconcile")
	none := Unjudged{Answer: Answer{State: NotKnown, Says: "no " + reconcile + " has ended yet", Do: reconcile}}
	looked := 0
	for e, err := range r.sweeps.List(ctx, history.Window{Since: time.Now().Add(-sweepsWithin)}) {
		if _, absent := errors.AsType[*types.StateMachineDoesNotExist](err); absent || looked == mostSweeps {
			break
		}
		if err != nil {
			u.Answer = notKnown(err, "list the sweeps", "states:ListExecutions")
			return u
		}
		if looked++; e.Status != history.Succeeded {
			continue
		}
		if e, err = r.sweeps.Get(ctx, e.ARN, history.Window{}); err != nil {
			u.Answer = notKnown(err, "read the sweep "+e.ARN, "states:DescribeExecution")
			return u
		}
		if found := fromSweep(e); found != nil {
			if found.State != OK {
				found.Do = reconcile
			}
			return *found
		}
	}
	return none
}

// fromSweep returns what a sweep says about objects without a verdict. It returns nil for one that proves nothing: a
// backfill sends what it finds, or leaves out older versions, and a sweep may have seen no version at all.
func fromSweep(e history.Execution) *Unjudged {
	var in, out sweep.Summary
	if json.Unmarshal([]byte(e.Input), &in) != nil || in.Question != sweep.Unjudged || in.Purpose != sweep.Reconcile ||
		json.Unmarshal([]byte(e.Output), &out) != nil || out.Considered == 0 && out.FailedPages == 0 {
		return nil
	}
	ended := e.Stopped.UTC()
	u := &Unjudged{AsOf: &ended}
	if !out.OldestUnjudged.IsZero() {
		u.Oldest = &out.OldestUnjudged
	}
	as := "as of " + terminal.Ago(time.Since(ended)) + " ago"
	if in.Bucket != "" {
		as = "in " + job.Quote("s3://"+in.Bucket+"/"+in.Prefix) + ", " + as
	}
	if u.Oldest == nil {
		u.Answer = Answer{State: OK, Says: "none, " + as}
		if !out.Complete() {
			u.State, u.Says = NotKnown, "none in what could be read, "+as
		}
		return u
	}
	age := ended.Sub(*u.Oldest)
	u.Answer = Answer{State: OK, Says: fmt.Sprintf("the oldest was %s old, %s", terminal.Ago(age), as)}
	if age > unjudgedWait {
		u.State = Wrong
	}
	return u
}
