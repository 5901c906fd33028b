package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// express returns a bench of the EXPRESS workflow with n free permits, whose EXPRESS executions run.
func express(
	t *testing.T, n int, run func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error),
) (*bench, *[]job.Job) {
	t.Helper()
	b := newBench(t, n)
	b.expressMachine = b.machine + "-express"
	var jobs []job.Job
	b.stepFunctions = fakeStepFunctions{
		start: b.stepFunctions.(fakeStepFunctions).start,
		express: func(ctx context.Context, name, input string) (*sfn.StartSyncExecutionOutput, error) {
			j := decode[job.Job](t, input)
			if name != j.ExecutionName() {
				t.Errorf("EXPRESS execution %s, want %s", name, j.ExecutionName())
			}
			b.mu.Lock()
			jobs = append(jobs, j)
			b.mu.Unlock()
			return run(ctx, j)
		},
	}
	return b, &jobs
}

// ends returns an EXPRESS execution that ends so.
func ends(
	status types.SyncExecutionStatus, name string,
) func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
	return func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
		return &sfn.StartSyncExecutionOutput{Status: status, Error: &name}, nil
	}
}

// TestExpress checks what follows each end of an EXPRESS execution. Whatever leaves doubt starts the
// STANDARD execution, under the same name and without lane, which takes the permit over.
func TestExpress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		run      func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error)
		standard bool
	}{
		{name: "succeeded", run: ends(types.SyncExecutionStatusSucceeded, "")},
		{name: "dead letter", run: ends(types.SyncExecutionStatusFailed, "DeadLettered")},
		{name: "failed", run: ends(types.SyncExecutionStatusFailed, "States.Runtime"), standard: true},
		{name: "failed without an error", run: ends(types.SyncExecutionStatusFailed, ""), standard: true},
		{name: "timed out", run: ends(types.SyncExecutionStatusTimedOut, "States.Timeout"), standard: true},
		{name: "a status of tomorrow", run: ends("PENDING_REDRIVE", ""), standard: true},
		{
			name: "no answer",
			run: func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
				return nil, errors.New("connection reset")
			},
			standard: true,
		},
		{
			name: "an input that is refused, as the STANDARD machine will do",
			run: func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
				return nil, &types.InvalidExecutionInput{}
			},
			standard: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, jobs := express(t, 2, tt.run)
			if !b.upload(t, event("a")) {
				t.Error("the message was handed back, want it done")
			}
			if len(*jobs) != 1 || !strings.HasPrefix((*jobs)[0].Lane, "express-") || (*jobs)[0].Validate() != nil {
				t.Fatalf("EXPRESS executions %+v, want one with a lane", *jobs)
			}
			standard, permits := 0, 2
			if tt.standard {
				standard, permits = 1, 1
			}
			if len(b.started) != standard {
				t.Fatalf("started %d STANDARD executions, want %d", len(b.started), standard)
			}
			if tt.standard && (b.started[0].Lane != "" || b.started[0].ExecutionName() != (*jobs)[0].ExecutionName()) {
				t.Errorf("STANDARD execution of %+v, want the same name and no lane", b.started[0])
			}
			if free, all := b.queues.Visible(permitsURL), len(b.queues.Bodies(permitsURL)); free != permits || all != permits {
				t.Errorf("got %d permits, %d of them free, want %d free ones", all, free, permits)
			}
		})
	}
}

func TestExpressTakesSmallObjects(t *testing.T) {
	t.Parallel()
	for size, small := range map[int64]bool{0: true, 3: true, 64 << 20: true, 64<<20 + 1: false, 2 << 30: false} {
		b, jobs := express(t, 1, ends(types.SyncExecutionStatusSucceeded, ""))
		body := strings.Replace(event("a"), `"size":3`, fmt.Sprintf(`"size":%d`, size), 1)
		if !b.upload(t, body) || len(*jobs) == len(b.started) || (len(*jobs) == 1) != small {
			t.Errorf("%d bytes: %d EXPRESS and %d STANDARD executions, want one, EXPRESS %t", size, len(*jobs), len(b.started), small)
		}
	}
}

// TestExpressDuplicates delivers a message twice at the same time and once later. Each execution has a
// lane of its own, so that none removes the work file of another; the permits are all there afterwards.
func TestExpressDuplicates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, jobs := express(t, 2, func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
			time.Sleep(time.Second)
			return &sfn.StartSyncExecutionOutput{Status: types.SyncExecutionStatusSucceeded}, nil
		})
		b.queues.Put(uploadsURL, event("a"))
		b.queues.Put(uploadsURL, event("a"))
		one, two := b.receive(t, uploadsURL, uploadsARN), b.receive(t, uploadsURL, uploadsARN)
		go b.handleMessage(t.Context(), one)
		time.Sleep(time.Millisecond)
		b.handleMessage(t.Context(), two)
		synctest.Wait()
		b.handleMessage(t.Context(), one)
		files := map[string]bool{}
		for _, j := range *jobs {
			files[j.WorkName()] = true
		}
		if len(*jobs) != 3 || len(files) != 3 {
			t.Errorf("got %d EXPRESS executions with %d work files, want three of each", len(*jobs), len(files))
		}
		if b.queues.Visible(permitsURL) != 2 || len(b.started) != 0 {
			t.Errorf("got %d free permits, %d STANDARD executions, want 2 and none", b.queues.Visible(permitsURL), len(b.started))
		}
	})
}

// TestExpressAtTheEnd has a permit come 61 seconds before the end of the invocation, and an EXPRESS
// execution that does not end in time. The STANDARD execution starts before dispatch is killed.
func TestExpressAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, jobs := express(t, 0, func(ctx context.Context, _ job.Job) (*sfn.StartSyncExecutionOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		began := time.Now()
		time.AfterFunc(timeout-61*time.Second, func() { b.queues.Put(permitsURL, "{}") })
		if !b.upload(t, event("a")) || len(*jobs) != 1 || len(b.started) != 1 {
			t.Errorf("got %d EXPRESS and %d STANDARD executions, want one of each", len(*jobs), len(b.started))
		}
		if took := time.Since(began); took != timeout-replyTime {
			t.Errorf("the STANDARD execution started after %v, want %v", took, timeout-replyTime)
		}
	})
}

// TestExpressKeeps checks that message and permit stay with dispatch during an execution of five minutes.
func TestExpressKeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *bench
		b, _ = express(t, 1, func(context.Context, job.Job) (*sfn.StartSyncExecutionOutput, error) {
			for range 300 {
				time.Sleep(time.Second)
				if b.queues.Visible(permitsURL)+b.queues.Visible(uploadsURL) != 0 {
					t.Fatal("the permit or the message is visible, want both kept")
				}
			}
			return &sfn.StartSyncExecutionOutput{Status: types.SyncExecutionStatusTimedOut}, nil
		})
		if !b.upload(t, event("a")) || len(b.started) != 1 {
			t.Errorf("started %d STANDARD executions, want one", len(b.started))
		}
	})
}
