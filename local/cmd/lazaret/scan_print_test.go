package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
)

// TestPrintEvents prints a job that went from the EXPRESS lane to the STANDARD one.
func TestPrintEvents(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, e := range []rescan.Event{
		{Execution: "arn:express"},
		{After: time.Second, State: "Fetch"},
		{After: 2 * time.Second, Error: "Transient", Cause: "slow\x1b[31m"},
		{After: 3 * time.Second, Retried: true},
		{Execution: "arn:standard", Follows: true},
		{State: "Fetch"},
	} {
		printEvent(&b, e)
	}
	const want = `arn:express
    1.000 s  Fetch
    2.000 s    Transient: "slow\x1b[31m"
    3.000 s    tried again
it ended without a verdict, and another execution follows:
arn:standard
    0.000 s  Fetch
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// TestPrintLate prints that a part of the executions is hidden from the caller.
func TestPrintLate(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	late := rescan.Event{Late: 5 * time.Second, Hidden: errors.New("log group x: not permitted")}
	printLate(&b, late, []string{"a reason"})
	const want = `nothing has started the execution for 5 s:
  a reason
  an execution that has started may be hidden from you: log group x: not permitted
still waiting; if you stop this command, the request stays in the queue
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// TestPrintLostEnd prints an execution whose end CloudWatch has lost: no verdict, and no dead letter.
func TestPrintLostEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	end := rescan.End{Status: history.Unknown, State: "Tag"}
	verdict, err := printEnd(&b, deployment.Stack{Name: "av"}, job.Object{}, end)
	const want = "has lost the end of the execution, whose last known state is Tag"
	if verdict != "" || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("printEnd() = %q, %v, want that the end is lost", verdict, err)
	}
}
