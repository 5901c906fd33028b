package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/permit"
)

// count counts the permits and mends their number.
func (h *handler) count(ctx context.Context) (permit.Counted, error) {
	counter := permit.Counter{Pool: h.permits, Max: h.maxInWork, Executions: executions{h}}
	counted, err := counter.Mend(ctx)
	if err == nil && counted.Sent+counted.Removed > 0 {
		slog.WarnContext(ctx, "dispatch", "permits", counted)
	}
	return counted, err
}

// executions are those of the STANDARD state machine, each of which has a permit.
type executions struct{ *handler }

// Running returns how many executions run, or a number above limit if there are more.
func (e executions) Running(ctx context.Context, limit int) (running int, err error) {
	pages := sfn.NewListExecutionsPaginator(e.stepFunctions, &sfn.ListExecutionsInput{
		StateMachineArn: &e.machine, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1000,
	})
	for pages.HasMorePages() && running <= limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return running, fmt.Errorf("list the running executions: %w", err)
		}
		running += len(page.Executions)
	}
	return running, nil
}

// Any reports whether an execution was started in the last 90 days.
func (e executions) Any(ctx context.Context) (bool, error) {
	out, err := e.stepFunctions.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &e.machine, MaxResults: 1})
	if err != nil {
		return false, fmt.Errorf("list executions: %w", err)
	}
	return len(out.Executions) > 0, nil
}
