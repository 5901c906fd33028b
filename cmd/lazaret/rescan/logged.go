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

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

// events is what reading the functions' log takes.
type events interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

const (
	logSince = 10 * time.Minute // longer than the pauses between dispatch's attempts
	logPages = 20               // CloudWatch answers pages without events, too
)

// troubles are dispatch's own errors, and what Lambda says of a function that
// crashed or took too long.
const troubles = `{ $.function = "dispatch" && $.level = "ERROR" || $.type = "platform.report" && $.record.status != "success" }`

// logged is the last error in dispatch's log, if there is one.
func logged(ctx context.Context, logs events, s stack.Stack) []string {
	group, pattern, since := "/lazaret/"+s.Name, troubles, time.Now().Add(-logSince).UnixMilli()
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: &pattern, StartTime: &since}
	last := ""
	for range logPages {
		out, err := logs.FilterLogEvents(ctx, in)
		if err != nil {
			return []string{fmt.Sprintf("the log %s cannot be read: %v", group, err)}
		}
		for _, e := range out.Events {
			if strings.Contains(aws.ToString(e.LogStreamName), "/"+s.Name+"-dispatch[") {
				last = time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC().Format(time.TimeOnly) + " UTC " + trouble(aws.ToString(e.Message))
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if last == "" {
		return nil
	}
	return []string{s.Name + "-dispatch logged at " + last}
}

// trouble is what a line of the log says, in short.
func trouble(line string) string {
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
