package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// logs is the operation of CloudWatch Logs.
type logs interface {
	FilterLogEvents(
		context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

const (
	runsWithin = 7 * 24 * time.Hour // freshclam runs every three hours
	mostRuns   = 20
	runsPages  = 50 // CloudWatch returns pages without events, too
	// runsPattern matches the line that the function logs at the end of a run, and lines of its warnings.
	runsPattern = `{ $.msg = "freshclam" }`
)

// ReadRuns reads the last runs of freshclam from the functions' log, the newest first.
func ReadRuns(ctx context.Context, client logs, group string) (runs []Run, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: aws.String(runsPattern), StartFromHead: aws.Bool(false),
		StartTime: aws.Int64(time.Now().Add(-runsWithin).UnixMilli()),
	}
	for range runsPages {
		out, err := client.FilterLogEvents(ctx, in)
		if _, absent := errors.AsType[*types.ResourceNotFoundException](err); absent {
			return nil, nil // no function has logged a line yet
		}
		if err != nil {
			return runs, fmt.Errorf("read the log %s (logs:FilterLogEvents): %w", group, err)
		}
		for _, e := range out.Events {
			run := Run{Time: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC()}
			if json.Unmarshal([]byte(aws.ToString(e.Message)), &run) == nil && run.Outcome != "" {
				runs = append(runs, run)
			}
			if len(runs) == mostRuns {
				return runs, nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return runs, nil
}
