package history_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// counted are Step Functions, whose lists have one page, and the log, whose lines a test sets.
type counted struct {
	*sfn.Client // nothing else is called

	executions func(types.ExecutionStatus) ([]types.ExecutionListItem, error)
	log        func(pattern string) ([]string, error)
}

func (c counted) ListExecutions(
	_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	items, err := c.executions(in.StatusFilter)
	return &sfn.ListExecutionsOutput{Executions: items}, err
}

func (c counted) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	lines, err := c.log(*in.FilterPattern)
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	for _, l := range lines {
		out.Events = append(out.Events, logtypes.FilteredLogEvent{Message: &l})
	}
	return out, err
}

func (c counted) reader() *history.Reader {
	return history.New(c, c, history.Source{Standard: machine, Express: machine + "-express", ExpressLog: logGroup})
}

func TestCountFailed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ended := func(started, stopped time.Duration) types.ExecutionListItem {
		return types.ExecutionListItem{StartDate: aws.Time(now.Add(-started)), StopDate: aws.Time(now.Add(-stopped))}
	}
	failed := map[types.ExecutionStatus][]types.ExecutionListItem{
		types.ExecutionStatusFailed: {
			ended(time.Minute, time.Minute), ended(3*time.Hour, 2*time.Hour), ended(47*time.Hour, 5*time.Minute),
		},
		types.ExecutionStatusTimedOut: {ended(48*time.Hour, time.Second), ended(50*time.Hour, 2*time.Hour)},
		types.ExecutionStatusAborted:  {ended(time.Hour, 10*time.Minute)},
	}
	standard := func(s types.ExecutionStatus) ([]types.ExecutionListItem, error) { return failed[s], nil }
	refused := &smithy.GenericAPIError{Code: "AccessDeniedException"}
	express := func(pattern string) ([]string, error) {
		const want = `{ $.type = "ExecutionFailed" || $.type = "ExecutionTimedOut" || $.type = "ExecutionAborted" }`
		if pattern != want {
			return nil, errors.New("the pattern is " + pattern)
		}
		dead := line(9, "ExecutionFailed", now, "a:1", `"error":"DeadLettered"`)
		return []string{dead, dead, line(7, "ExecutionTimedOut", now, "b:1", `"error":""`)}, nil
	}
	none := func(string) ([]string, error) { return nil, &logtypes.ResourceNotFoundException{} }
	for name, tt := range map[string]struct {
		counted
		most, want int
		refused    bool
	}{
		"both lanes":        {counted: counted{executions: standard, log: express}, most: 100, want: 6},
		"no express lane":   {counted: counted{executions: standard, log: none}, most: 100, want: 4},
		"more than is read": {counted: counted{executions: standard, log: express}, most: 3, want: 3},
		"STANDARD is refused": {counted: counted{
			executions: func(types.ExecutionStatus) ([]types.ExecutionListItem, error) { return nil, refused }, log: express,
		}, most: 100, want: 2, refused: true},
		"the log is refused": {counted: counted{
			executions: standard, log: func(string) ([]string, error) { return nil, refused },
		}, most: 100, want: 4, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := tt.reader().CountFailed(t.Context(), now.Add(-time.Hour), tt.most)
			if n != tt.want || errors.Is(err, history.ErrRefused) != tt.refused || err != nil && !tt.refused {
				t.Errorf("CountFailed() = %d, %v, want %d, and an ErrRefused: %t", n, err, tt.want, tt.refused)
			}
		})
	}
}

func TestCountRunningExpress(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := counted{log: func(string) ([]string, error) {
		return []string{
			line(1, "ExecutionStarted", now, "c:1", `"input":"{}"`),
			line(9, "ExecutionSucceeded", now.Add(-time.Second), "a:1", `"output":"{}"`),
			line(1, "ExecutionStarted", now.Add(-2*time.Second), "a:1", `"input":"{}"`),
		}, nil
	}}
	if n, err := c.reader().CountRunningExpress(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("CountRunningExpress() = %d, %v, want 1", n, err)
	}
	c.log = func(string) ([]string, error) { return nil, &logtypes.ResourceNotFoundException{} }
	if n, err := c.reader().CountRunningExpress(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("without an express lane CountRunningExpress() = %d, %v, want 0", n, err)
	}
}
