package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// Canary is the last round of the function canary, which sends samples with known answers through the bucket.
type Canary struct {
	Answer
	Outcome string     `json:"outcome,omitempty"` // right, wrong, late or failed; absent without a round
	At      *time.Time `json:"at,omitempty"`
}

const (
	canaryWithin = 48 * time.Hour // in which a round is looked for
	canaryPages  = 50             // CloudWatch returns pages without events, too
	// canaryPattern matches the line that the function logs at the end of a round.
	canaryPattern = `{ $.msg = "canary round ended" }`
)

// canary reads the newest line about a round from the functions' log.
func (r *Reader) canary(ctx context.Context) (c Canary) {
	group := r.stack.LogGroup()
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: aws.String(canaryPattern), StartFromHead: aws.Bool(false),
		StartTime: aws.Int64(time.Now().Add(-canaryWithin).UnixMilli()),
	}
	for range canaryPages {
		out, err := r.clients.Logs.FilterLogEvents(ctx, in)
		if _, absent := errors.AsType[*logtypes.ResourceNotFoundException](err); absent {
			break
		}
		if err != nil {
			c.Answer = notKnown(err, "read the log "+group, "logs:FilterLogEvents")
			return c
		}
		if len(out.Events) > 0 { // the newest first
			return r.round(out.Events[0])
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	c.Answer = Answer{State: NotKnown, Says: fmt.Sprintf("no round in the last %.0f h", canaryWithin.Hours())}
	return c
}

// round says how a round ended.
func (r *Reader) round(event logtypes.FilteredLogEvent) (c Canary) {
	var line struct{ Outcome, Detail string }
	at := time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC()
	if err := json.Unmarshal([]byte(aws.ToString(event.Message)), &line); err != nil || line.Outcome == "" {
		c.Answer = Answer{State: NotKnown, Says: "its line in the log cannot be read"}
		return c
	}
	c.Outcome, c.At = line.Outcome, &at
	says := fmt.Sprintf("%s, %s ago", terminal.Quote(line.Outcome), terminal.Ago(time.Since(at)))
	c.Answer = Answer{State: OK, Says: says}
	if line.Outcome != "right" {
		c.State, c.Do = Wrong, r.command("lazaret verify")
		if line.Detail != "" {
			c.Says += ": " + terminal.Quote(terminal.Shorten(line.Detail, 200))
		}
	}
	return c
}

// Alarms are the alarms that ring now.
type Alarms struct {
	Answer
	Ringing []string `json:"ringing"` // names without the stack's
}

// alarms lists the ringing alarms whose action is the stack's alerts topic: another stack's name may begin with this
// one's.
func (r *Reader) alarms(ctx context.Context, parameters map[string]string) (a Alarms) {
	a.Ringing = []string{}
	topic := ":" + r.stack.Name + "-alerts"
	pages := cloudwatch.NewDescribeAlarmsPaginator(r.clients.Metrics, &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: aws.String(r.stack.Name + "-"), StateValue: types.StateValueAlarm,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			a.Answer = notKnown(err, "list the alarms", "cloudwatch:DescribeAlarms")
			return a
		}
		for _, alarm := range page.MetricAlarms {
			for _, action := range alarm.AlarmActions {
				if strings.HasSuffix(action, topic) {
					a.Ringing = append(a.Ringing, strings.TrimPrefix(aws.ToString(alarm.AlarmName), r.stack.Name+"-"))
					break
				}
			}
		}
	}
	switch {
	case len(a.Ringing) > 0:
		a.Answer = Answer{
			State: Wrong, Says: strings.Join(a.Ringing, ", "),
			Do: "read about the alarm: docs/operations.md#alarm-" + a.Ringing[0],
		}
	case parameters["AlarmsAndDashboard"] == "false":
		a.Answer = Answer{State: OK, Says: "off (AlarmsAndDashboard=false)"}
	default:
		a.Answer = Answer{State: OK, Says: "none rings"}
	}
	return a
}
