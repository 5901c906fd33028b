package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// WaitLimit bounds every wait for something that must happen. It is long, since only a failing test waits that long
// and other work may slow the computer down.
const WaitLimit = 3 * time.Minute

// Result is an execution that has ended.
type Result struct {
	ARN     string
	Lane    history.Lane
	Status  types.ExecutionStatus
	Job     job.Job     // the output; of an execution that failed, the input of its state DeadLetter
	States  []string    // the states that were entered, in order
	Failure job.Failure // the error that led to DeadLetter
}

// Await waits for the end of the execution that the object's event starts.
func (m *Machine) Await(t testing.TB, o job.Object) Result {
	t.Helper()
	return m.AwaitJob(t, job.Job{Object: o})
}

// AwaitJob waits for the end of a job's execution, whose name the job's attempt and run are part of. Where an EXPRESS
// execution came to no end of the job, that is the STANDARD one that follows.
func (m *Machine) AwaitJob(t testing.TB, j job.Job) Result {
	t.Helper()
	return m.awaitName(t, j.ExecutionName())
}

// AwaitExecution waits for the end of the execution with the name that is in this ARN.
func (m *Machine) AwaitExecution(t testing.TB, arn string) Result {
	t.Helper()
	return m.awaitName(t, history.Name(arn))
}

func (m *Machine) awaitName(t testing.TB, name string) Result {
	t.Helper()
	var end history.Execution
	Poll(t, "the end of "+name, func() bool {
		all, err := m.Executions.FindName(t.Context(), name, history.Window{})
		if err != nil && !errors.Is(err, history.ErrNotFound) {
			t.Fatalf("look for %s: %v", name, err)
		}
		i := slices.IndexFunc(all, history.Execution.Settled)
		if i < 0 {
			return false
		}
		end = all[i]
		return true
	})
	return m.resultOf(t, end)
}

// resultOf reads the history of an execution that has ended.
func (m *Machine) resultOf(t testing.TB, end history.Execution) Result {
	t.Helper()
	r := Result{ARN: end.ARN, Lane: end.Lane, Status: types.ExecutionStatus(end.Status)}
	output := end.Output
	for _, e := range m.History(t, r.ARN) {
		if e.Kind != history.Entered {
			continue
		}
		if r.States = append(r.States, e.State); e.State == "DeadLetter" {
			output = e.Data
		}
	}
	if output != "" {
		if err := json.Unmarshal([]byte(output), &r.Job); err != nil {
			t.Fatalf("read the output of %s: %v", r.ARN, err)
		}
	}
	if r.Job.Error != nil {
		r.Failure = *r.Job.Error
	}
	return r
}

// ExecutionARN returns the ARN of the STANDARD execution of j.
func ExecutionARN(j job.Job) string { return ExecutionNamed(j.ExecutionName()) }

// ExecutionNamed returns the ARN of the STANDARD execution with this name.
func ExecutionNamed(name string) string {
	return strings.Replace(ScanMachine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// History returns every event of an execution of either lane.
func (m *Machine) History(t testing.TB, executionARN string) []history.Event {
	t.Helper()
	events, err := m.Executions.Events(t.Context(), executionARN, history.Window{})
	if err != nil {
		t.Fatalf("read the history of %s: %v", executionARN, err)
	}
	return events
}

// List returns all executions of both lanes, the newest first.
func (m *Machine) List(t testing.TB) (all []history.Execution) {
	t.Helper()
	for e, err := range m.Executions.List(t.Context(), history.Window{}) {
		if err != nil {
			t.Fatalf("list executions: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// Poll waits until done returns true, at most for WaitLimit. The text names what is waited for.
func Poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	PollFor(t, WaitLimit, what, done)
}

// PollFor does the same with another limit.
func PollFor(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", limit, what)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("wait for %s: %v", what, t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// AwaitIdle waits until every message of uploads and rescans is handled and every execution has ended.
func (m *Machine) AwaitIdle(t testing.TB) {
	t.Helper()
	if err := m.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// WaitIdle does the same outside of a test.
func (m *Machine) WaitIdle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, WaitLimit)
	defer cancel()
	for {
		idle, err := m.idle(ctx)
		if err != nil || idle {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until nothing is under way: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// idle reads the queues first, because a message that has left its queue has become a STANDARD execution, or was one of
// EXPRESS.
func (m *Machine) idle(ctx context.Context) (bool, error) {
	for _, queue := range []string{UploadQueue, RescanQueue} {
		if depth, err := m.depth(ctx, queue); err != nil || depth > 0 {
			return false, err
		}
	}
	out, err := m.SFN.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(ScanMachine), StatusFilter: types.ExecutionStatusRunning,
	})
	if err != nil {
		return false, fmt.Errorf("list running executions: %w", err)
	}
	return len(out.Executions) == 0, nil
}
