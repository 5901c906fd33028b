package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// longestStandard is how long a STANDARD execution runs at most: TimeoutSeconds of the state machine.
const longestStandard = 48 * time.Hour

// CountFailed returns how many executions of both lanes have ended since this time other than with success, or a number
// of at least most if there are more. An error is about one lane, and comes with the number of the other.
func (r *Reader) CountFailed(ctx context.Context, since time.Time, most int) (n int, err error) {
	for _, status := range []types.ExecutionStatus{
		types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted,
	} {
		more, failed := r.countStandard(ctx, status, since, most-n)
		n, err = n+more, errors.Join(err, failed)
		if failed != nil || n >= most {
			break
		}
	}
	ends := strings.Join([]string{
		quoted("$.type", "ExecutionFailed"), quoted("$.type", "ExecutionTimedOut"), quoted("$.type", "ExecutionAborted"),
	}, " || ")
	seen := map[string]bool{} // the log may have an event twice
	for line, failed := range r.lines(ctx, ends, Window{Since: since}, false) {
		if errors.Is(failed, ErrNoExpress) || n >= most {
			break
		}
		if failed != nil {
			return n, errors.Join(err, failed)
		}
		_, arn, failed := decode(line)
		if failed != nil {
			return n, errors.Join(err, fmt.Errorf("read %s: %w", r.source.ExpressLog, failed))
		}
		if !seen[arn] {
			seen[arn] = true
			n++
		}
	}
	return n, err
}

// countStandard returns how many STANDARD executions have ended with a status since this time. Step Functions lists the
// newest first, by their start.
func (r *Reader) countStandard(
	ctx context.Context, status types.ExecutionStatus, since time.Time, most int,
) (n int, err error) {
	pages := sfn.NewListExecutionsPaginator(r.states, &sfn.ListExecutionsInput{
		StateMachineArn: &r.source.Standard, StatusFilter: status, MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return n, standardError(err, "list the executions of "+r.source.Standard, "states:ListExecutions")
		}
		for _, x := range page.Executions {
			if aws.ToTime(x.StartDate).Before(since.Add(-longestStandard)) || n >= most {
				return n, nil
			}
			if !aws.ToTime(x.StopDate).Before(since) {
				n++
			}
		}
	}
	return n, nil
}

// CountRunningExpress returns how many express executions run, as far as their log knows, or a number of at least most
// if there are more. Without an EXPRESS lane there are none.
func (r *Reader) CountRunningExpress(ctx context.Context, most int) (n int, err error) {
	window := Window{Since: time.Now().Add(-longestExpress)}.orDefault()
	for e, err := range r.listExpress(ctx, "", window) {
		if errors.Is(err, ErrNoExpress) || n >= most {
			break
		}
		if err != nil {
			return n, err
		}
		if e.Status == Running {
			n++
		}
	}
	return n, nil
}
