package rescan

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// logs is the operation that reads the log of the functions.
type logs interface {
	FilterLogEvents(
		context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

const (
	logPeriod = 10 * time.Minute // longer than the pauses between dispatch's attempts
	logPages  = 20               // CloudWatch returns pages without events, too
)

// errorPattern matches the errors that dispatch logs, and Lambda's reports about functions that crashed or timed out.
const errorPattern = `{ $.function = "dispatch" && $.level = "ERROR" || ` +
	`$.type = "platform.report" && $.record.status != "success" }`

// lastError returns a line about the last error in dispatch's log, or "" without one.
func lastError(ctx context.Context, client logs, stack deployment.Stack) string {
	group := "/lazaret/" + stack.Name
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: aws.String(errorPattern),
		StartTime: aws.Int64(time.Now().Add(-logPeriod).UnixMilli()),
	}
	last := ""
	for range logPages {
		out, err := client.FilterLogEvents(ctx, in)
		if err != nil {
			return fmt.Sprintf("the log %s cannot be read: %v", group, err)
		}
		for _, e := range out.Events {
			if strings.Contains(aws.ToString(e.LogStreamName), "/"+stack.Function("dispatch")+"[") {
				at := time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC().Format(time.TimeOnly)
				last = at + " UTC " + summarize(aws.ToString(e.Message))
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if last == "" {
		return ""
	}
	return stack.Function("dispatch") + " logged at " + last
}

// summarize returns the fields of a log line that say what went wrong, or the whole line if it has none.
func summarize(line string) string {
	var l struct {
		Msg, Error, Cause string
		Record            struct{ Status, ErrorType string }
	}
	if json.Unmarshal([]byte(line), &l) != nil {
		return line
	}
	parts := []string{l.Record.Status, l.Record.ErrorType, l.Msg, l.Error, l.Cause}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return cmp.Or(strings.Join(parts, ": "), line)
}
