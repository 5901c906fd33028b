package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestPermitOfAnExecution checks that a new execution takes the permit over, and that it is free again in
// every other case.
func TestPermitOfAnExecution(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name  string
		out   sfn.StartExecutionOutput
		err   error
		done  bool
		taken bool
	}{
		{name: "a new execution", out: sfn.StartExecutionOutput{StartDate: aws.Time(now)}, done: true, taken: true},
		{name: "clocks differ", out: sfn.StartExecutionOutput{StartDate: aws.Time(now.Add(-5 * time.Second))}, done: true, taken: true},
		{name: "an answer without a time", done: true, taken: true},
		{name: "one that runs already", out: sfn.StartExecutionOutput{StartDate: aws.Time(now.Add(-time.Minute))}, done: true},
		{name: "one that has ended", err: &types.ExecutionAlreadyExists{}, done: true},
		{name: "throttled", err: errors.New("ThrottlingException")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 2)
			b.stepFunctions = fakeStepFunctions{
				start: func(string, string) (*sfn.StartExecutionOutput, error) { return &tt.out, tt.err },
			}
			if done := b.upload(t, event("a")); done != tt.done {
				t.Errorf("done %t, want %t", done, tt.done)
			}
			want := 2
			if tt.taken {
				want = 1
			}
			if free, all := b.queues.Visible(permitsURL), len(b.queues.Bodies(permitsURL)); free != want || all != want {
				t.Errorf("got %d permits, %d of them free, want %d free ones", all, free, want)
			}
		})
	}
}

// TestPermitIsKept checks that a permit stays with its holder while a call takes minutes.
func TestPermitIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		b.stepFunctions = fakeStepFunctions{start: func(string, string) (*sfn.StartExecutionOutput, error) {
			for range 240 {
				time.Sleep(time.Second)
				if b.queues.Visible(permitsURL)+b.queues.Visible(uploadsURL) != 0 {
					t.Fatal("the permit or the message is visible, want both kept")
				}
			}
			return &sfn.StartExecutionOutput{}, nil
		}}
		if !b.upload(t, event("a")) {
			t.Error("the message was handed back, want it done")
		}
	})
}
