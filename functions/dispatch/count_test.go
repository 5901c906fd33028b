package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestRunning counts executions over pages, and stops where there are more than the limit.
func TestRunning(t *testing.T) {
	t.Parallel()
	pages := []int{1000, 1000, 7}
	for limit, want := range map[int]struct{ running, asked int }{
		20: {1000, 1}, 1000: {2000, 2}, 1999: {2000, 2}, 5000: {2007, 3},
	} {
		b, asked := newBench(t, 0), 0
		b.stepFunctions = fakeStepFunctions{list: func(in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
			if in.StatusFilter != types.ExecutionStatusRunning || *in.StateMachineArn != b.machine {
				t.Errorf("listed %s executions of %s, want those that run of %s", in.StatusFilter, *in.StateMachineArn, b.machine)
			}
			out := &sfn.ListExecutionsOutput{Executions: make([]types.ExecutionListItem, pages[asked])}
			if asked++; asked < len(pages) {
				out.NextToken = aws.String(fmt.Sprint(asked))
			}
			return out, nil
		}}
		running, err := executions{&b.handler}.Running(t.Context(), limit)
		if err != nil || running != want.running || asked != want.asked {
			t.Errorf("limit %d: Running() = %d, %v after %d pages, want %d after %d",
				limit, running, err, asked, want.running, want.asked)
		}
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1} {
		b := newBench(t, 0)
		b.stepFunctions = fakeStepFunctions{list: func(in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
			if in.StatusFilter != "" {
				t.Errorf("listed %s executions, want all", in.StatusFilter)
			}
			return &sfn.ListExecutionsOutput{Executions: make([]types.ExecutionListItem, n)}, nil
		}}
		if found, err := (executions{&b.handler}).Any(t.Context()); found != (n > 0) || err != nil {
			t.Errorf("%d executions: Any() = %t, %v, want %t", n, found, err, n > 0)
		}
	}
}

func TestCountFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("AccessDeniedException")
	b := newBench(t, 2)
	b.stepFunctions = fakeStepFunctions{
		list: func(*sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) { return nil, refused },
	}
	if got, err := b.handle(t.Context(), []byte(`{"count":"permits"}`)); !errors.Is(err, refused) {
		t.Errorf("handle() = %v, %v, want %v", got, err, refused)
	}
	if got := len(b.queues.Bodies(permitsURL)); got != 2 {
		t.Errorf("got %d permits, want the 2 that were there", got)
	}
}
