package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// describe returns a STANDARD execution.
func (r *Reader) describe(ctx context.Context, arn string) (Execution, error) {
	out, err := r.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return Execution{}, standardError(err, "describe "+arn, "states:DescribeExecution")
	}
	return Execution{
		ARN: arn, Name: Name(arn), Lane: Standard, Status: Status(out.Status),
		Started: aws.ToTime(out.StartDate), Stopped: aws.ToTime(out.StopDate),
		Input: aws.ToString(out.Input), Output: aws.ToString(out.Output),
		Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause), Trace: aws.ToString(out.TraceHeader),
	}, nil
}

// standardError says what Step Functions was asked for.
func standardError(err error, doing, action string) error {
	if _, ok := errors.AsType[*types.ExecutionDoesNotExist](err); ok {
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	}
	if isRefused(err) {
		return fmt.Errorf("%s: %w (%s): %w", doing, ErrRefused, action, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// standardHistory reads the history of a STANDARD execution, which may be growing.
type standardHistory struct {
	arn   string
	token *string // of the last page
	last  int64   // id of the last event that was read
	state string  // at that event
}

// read returns the events that are new since the last call. New events are appended to the last page, which is read
// again; earlier pages do not change.
func (h *standardHistory) read(ctx context.Context, client StepFunctions) ([]Event, error) {
	var events []Event
	for {
		out, err := client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{
			ExecutionArn: &h.arn, MaxResults: 1000, NextToken: h.token,
		})
		if err != nil {
			return nil, standardError(err, "read the history of "+h.arn, "states:GetExecutionHistory")
		}
		for _, e := range out.Events {
			if e.Id > h.last {
				h.last = e.Id
				events = append(events, standardEvent(e))
			}
		}
		if out.NextToken == nil {
			break
		}
		h.token = out.NextToken
	}
	h.state = nameStates(events, h.state)
	return events, nil
}

// standardEvent returns an event of Step Functions as one of this package.
func standardEvent(e types.HistoryEvent) Event {
	name := string(e.Type)
	event := Event{ID: e.Id, Time: aws.ToTime(e.Timestamp), Type: name, Kind: kindOf(name), Status: ends[name]}
	switch {
	case e.ExecutionStartedEventDetails != nil:
		event.Data = aws.ToString(e.ExecutionStartedEventDetails.Input)
	case e.StateEnteredEventDetails != nil:
		event.State = aws.ToString(e.StateEnteredEventDetails.Name)
		event.Data = aws.ToString(e.StateEnteredEventDetails.Input)
	case e.StateExitedEventDetails != nil:
		event.State = aws.ToString(e.StateExitedEventDetails.Name)
		event.Data = aws.ToString(e.StateExitedEventDetails.Output)
	case e.TaskSucceededEventDetails != nil:
		event.Data = aws.ToString(e.TaskSucceededEventDetails.Output)
	case e.ExecutionSucceededEventDetails != nil:
		event.Data = aws.ToString(e.ExecutionSucceededEventDetails.Output)
	default:
		name, cause := failure(e)
		event.Error, event.Cause = aws.ToString(name), aws.ToString(cause)
	}
	return event
}

// failure returns the error in an event about a failure, or nothing.
func failure(e types.HistoryEvent) (name, cause *string) {
	switch {
	case e.TaskFailedEventDetails != nil:
		return e.TaskFailedEventDetails.Error, e.TaskFailedEventDetails.Cause
	case e.TaskTimedOutEventDetails != nil:
		return e.TaskTimedOutEventDetails.Error, e.TaskTimedOutEventDetails.Cause
	case e.TaskStartFailedEventDetails != nil:
		return e.TaskStartFailedEventDetails.Error, e.TaskStartFailedEventDetails.Cause
	case e.TaskSubmitFailedEventDetails != nil:
		return e.TaskSubmitFailedEventDetails.Error, e.TaskSubmitFailedEventDetails.Cause
	case e.ExecutionFailedEventDetails != nil:
		return e.ExecutionFailedEventDetails.Error, e.ExecutionFailedEventDetails.Cause
	case e.ExecutionTimedOutEventDetails != nil:
		return e.ExecutionTimedOutEventDetails.Error, e.ExecutionTimedOutEventDetails.Cause
	case e.ExecutionAbortedEventDetails != nil:
		return e.ExecutionAbortedEventDetails.Error, e.ExecutionAbortedEventDetails.Cause
	}
	return nil, nil
}
