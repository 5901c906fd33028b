package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// resultsOfExecution returns j with the scan, the verdict before it and the copy that an execution had reached when it
// was aborted or timed out; execution is its ARN. Without them, a replay of an object that is already in
// quarantine would find no object and announce nothing. If Step Functions no longer has the history
// (it keeps one for 90 days), j is returned as it is. The history is read from its end to its
// beginning, at most 25,000 events: a task that was throttled for hours leaves hundreds of events
// after the last state that ended.
func (h *handler) resultsOfExecution(ctx context.Context, execution string, j job.Job) (job.Job, error) {
	pages := sfn.NewGetExecutionHistoryPaginator(h.stepFunctions, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, MaxResults: 1000, IncludeExecutionData: aws.Bool(true),
	})
	for pages.HasMorePages() {
		history, err := pages.NextPage(ctx)
		if _, gone := errors.AsType[*types.ExecutionDoesNotExist](err); gone {
			return j, nil
		}
		if err != nil {
			return j, fmt.Errorf("read the history of %s: %w", execution, err)
		}
		for _, e := range history.Events {
			exited := e.StateExitedEventDetails
			if exited == nil {
				continue
			}
			var last job.Job
			err := json.Unmarshal([]byte(aws.ToString(exited.Output)), &last)
			if err == nil && last.Object.Same(j.Object) {
				j.Scan, j.Earlier, j.Copy = last.Scan, cmp.Or(last.Earlier, j.Earlier), last.Copy
				return j, nil
			}
		}
	}
	return j, nil
}
