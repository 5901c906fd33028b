package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// fault is what happens to one call of dispatch to AWS.
type fault struct {
	name   string
	killed bool // dispatch makes no call after this one
	before bool // the call itself does not happen
}

var faults = []fault{
	{name: "request lost", before: true},
	{name: "reply lost"},
	{name: "killed before it", killed: true, before: true},
	{name: "killed after it", killed: true},
}

var errLost = errors.New("connection reset")

// cloud is SQS and Step Functions as dispatch sees them: the call of the given number, from 0, fails.
type cloud struct {
	*bench
	fault
	at int

	counting sync.Mutex
	calls    int
	// shortened is whether dispatch has shortened the time for which the queue hides the message. A kill
	// before that leaves it hidden for longer than a minute.
	shortened bool

	machines sync.Mutex
	running  map[string]string    // inputs of the STANDARD executions that run, by name
	began    map[string]time.Time // of all STANDARD executions
	verdicts int                  // of both machines
}

// beforeCall returns an error if the next call is lost.
func (a *cloud) beforeCall(operation string) error {
	a.counting.Lock()
	defer a.counting.Unlock()
	n := a.calls
	a.calls++
	if n == a.at && a.fault.before || n > a.at && a.killed {
		return errLost
	}
	a.shortened = a.shortened || operation == "ChangeMessageVisibility"
	return nil
}

// afterCall returns an error if the reply to the call is lost.
func (a *cloud) afterCall(string) error {
	a.counting.Lock()
	defer a.counting.Unlock()
	if a.calls-1 == a.at {
		return errLost
	}
	return nil
}

// start starts a STANDARD execution under the rules of Step Functions for names.
func (a *cloud) start(name, input string) (*sfn.StartExecutionOutput, error) {
	if err := a.beforeCall("StartExecution"); err != nil {
		return nil, err
	}
	a.machines.Lock()
	defer a.machines.Unlock()
	began, known := a.began[name]
	if running := a.running[name]; known && running != input {
		return nil, &types.ExecutionAlreadyExists{}
	}
	if !known {
		began = time.Now()
		a.began[name], a.running[name] = began, input
	}
	return &sfn.StartExecutionOutput{StartDate: &began}, a.afterCall("StartExecution")
}

// end ends the STANDARD executions, and sends the permit of each as the rule EndedRule does.
func (a *cloud) end() {
	a.machines.Lock()
	defer a.machines.Unlock()
	for name := range a.running {
		delete(a.running, name)
		a.verdicts++
		a.queues.Put(permitsURL, "{}")
	}
}

func (a *cloud) list(in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	a.machines.Lock()
	defer a.machines.Unlock()
	n := len(a.began)
	if in.StatusFilter == types.ExecutionStatusRunning {
		n = len(a.running)
	}
	return &sfn.ListExecutionsOutput{Executions: make([]types.ExecutionListItem, n)}, nil
}

// newCloud returns a bench of either workflow, with two permits.
func newCloud(t *testing.T, workflow string, f fault, at int) *cloud {
	t.Helper()
	a := &cloud{fault: f, at: at, running: map[string]string{}, began: map[string]time.Time{}}
	b, _ := express(t, 2, nil)
	a.bench = b
	b.stepFunctions = fakeStepFunctions{
		start: a.start, list: a.list,
		express: func(context.Context, string, string) (*sfn.StartSyncExecutionOutput, error) {
			if err := a.beforeCall("StartSyncExecution"); err != nil {
				return nil, err
			}
			time.Sleep(30 * time.Second)
			a.verdicts++
			out := &sfn.StartSyncExecutionOutput{Status: types.SyncExecutionStatusSucceeded}
			return out, a.afterCall("StartSyncExecution")
		},
	}
	if workflow == "STANDARD" {
		b.expressMachine = ""
	}
	return a
}

// TestEveryFault has every call that dispatch makes for a message fail in every way. The object gets its
// verdict, the message is seen again within a minute, and two counts later there are two permits.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		for _, arn := range []string{uploadsARN, rescansARN} {
			for _, f := range faults {
				t.Run(fmt.Sprintf("%s %s %s", workflow, arn[len(uploadsARN)-7:], f.name), func(t *testing.T) {
					t.Parallel()
					for at := 0; ; at++ {
						calls := 0
						synctest.Test(t, func(t *testing.T) { calls = oneFault(t, newCloud(t, workflow, f, at), arn) })
						if calls <= at {
							if at < 3 {
								t.Errorf("got %d calls, want three at least: take, start, end", at)
							}
							return
						}
					}
				})
			}
		}
	}
}

// oneFault delivers a message with a fault, and then again without until it is done. It returns the
// number of calls that the first delivery made.
func oneFault(t *testing.T, a *cloud, arn string) (calls int) {
	url := uploadsURL
	if arn == rescansARN {
		url = rescansURL
	}
	a.network.Before, a.network.After = a.beforeCall, a.afterCall
	a.queues.Put(url, event("a"))
	deliver := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return a.deliver(ctx, t, url, arn)
	}
	m := a.receive(t, url, arn)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	done := a.handleMessage(ctx, m)
	cancel()
	calls = a.calls
	killed := a.killed && calls > a.at
	a.network.Before, a.network.After = nil, nil
	a.fault, a.at = fault{}, -1
	if done && !killed { // the answer of a killed function is lost
		a.remove(t, url, m)
	}
	ended := time.Now()
	for len(a.queues.Bodies(url)) > 0 {
		for a.queues.Visible(url) == 0 {
			time.Sleep(time.Second)
		}
		if waited := time.Since(ended); waited > time.Minute && a.shortened {
			t.Errorf("call %d: the message was visible after %v, want a minute at most", calls-1, waited)
		}
		if arn == rescansARN { // which would wait for the permits of both
			a.end()
			if _, err := a.count(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !deliver() {
			t.Errorf("call %d: the message was handed back without a fault, want it done", calls-1)
		}
	}
	for range 2 {
		a.end()
		time.Sleep(time.Minute)
		if _, err := a.count(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.verdicts == 0 || len(a.queues.Bodies(deadURL)) > 0 {
		t.Errorf("call %d: got %d verdicts and the dead letters %q, want a verdict alone",
			calls-1, a.verdicts, a.queues.Bodies(deadURL))
	}
	if got := a.queues.Visible(permitsURL); got != 2 {
		t.Errorf("call %d: got %d free permits, want 2", calls-1, got)
	}
	return calls
}

// TestDuplicateEvents delivers the same upload ten times at once. One STANDARD execution runs, and the
// counts bring the permits back.
func TestDuplicateEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newCloud(t, "STANDARD", fault{}, -1)
		for range 10 {
			a.queues.Put(uploadsURL, event("a"))
		}
		for range 10 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				m := a.receive(t, uploadsURL, uploadsARN)
				if !a.handleMessage(ctx, m) {
					t.Error("a duplicate was handed back, want it done")
				}
			}()
		}
		for range 3 {
			time.Sleep(time.Minute)
			if _, err := a.count(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		a.end()
		if got := a.queues.Visible(permitsURL); a.verdicts != 1 || got != 2 {
			t.Errorf("got %d verdicts, %d free permits, want 1 and 2", a.verdicts, got)
		}
	})
}
