package status_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
)

// world is what AWS answers about the stack ward. Each of its types is one client.
type world struct {
	account    string
	depths     map[string][2]int  // waiting and received, by queue
	ages       map[string]float64 // of the oldest message in seconds, by queue; none without an entry
	letters    []sqstypes.Message
	listing    update.Listing
	mapping    string // state of dispatch's event source mapping
	failed     int    // STANDARD executions in the last hour
	running    int
	sweep      *sfn.DescribeExecutionOutput // the newest one, or none
	canary     string                       // the newest line, or none
	alarms     []cwtypes.MetricAlarm
	parameters map[string]string
	refused    bool // everything but the stack's queues by name

	received bool // the dead letters were received
	receives int
}

var errRefused = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}

func (w *world) reader(t *testing.T) *status.Reader {
	t.Helper()
	stack, err := deployment.Find(t.Context(), finding{w}, "ward")
	if err != nil {
		t.Fatal(err)
	}
	return status.New(status.Clients{
		Queues: queues{w: w}, Lambda: lambdas{w}, Metrics: metrics{w}, Logs: logs{w},
		Stacks: stacks{w}, Machines: machines{w: w},
	}, stack)
}

// finding answers what deployment.Find asks, which nobody is refused.
type finding struct{ w *world }

func (f finding) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	return &sqs.GetQueueUrlOutput{QueueUrl: in.QueueName}, nil
}

func (f finding) GetQueueAttributes(
	context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	arn := "arn:aws:sqs:eu-central-1:" + f.w.account + ":ward-uploads"
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": arn}}, nil
}

type queues struct {
	*sqs.Client // what is not below is not called
	w           *world
}

func (q queues) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	return &sqs.GetQueueUrlOutput{QueueUrl: in.QueueName}, nil
}

func (q queues) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	if q.w.refused {
		return nil, errRefused
	}
	depth := q.w.depths[strings.TrimPrefix(*in.QueueUrl, "ward-")]
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(depth[0]),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(depth[1]),
	}}, nil
}

func (q queues) ReceiveMessage(
	context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	if q.w.receives++; !q.w.received {
		q.w.received, out.Messages = true, q.w.letters
	}
	return out, nil
}

func (q queues) ChangeMessageVisibilityBatch(
	_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	q.w.received = false
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		out.Successful = append(out.Successful, sqstypes.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// deadLetter is a message of the dead-letter queue that was sent some time ago.
func deadLetter(id int, name string, ago time.Duration) sqstypes.Message {
	body := fmt.Sprintf(`{"job":{"version":1,"object":{"bucket":"b","key":"k%d","versionId":"v","size":1}},
		"error":%q,"cause":"because","execution":"arn:aws:states:eu-central-1:1:execution:ward-scan:k"}`, id, name)
	return sqstypes.Message{
		MessageId: aws.String(strconv.Itoa(id)), ReceiptHandle: aws.String(strconv.Itoa(id)), Body: &body,
		Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(time.Now().Add(-ago).UnixMilli(), 10)},
	}
}

type lambdas struct{ w *world }

func (l lambdas) Invoke(
	context.Context, *lambda.InvokeInput, ...func(*lambda.Options),
) (*lambda.InvokeOutput, error) {
	if l.w.refused {
		return nil, errRefused
	}
	text, err := json.Marshal(l.w.listing)
	return &lambda.InvokeOutput{Payload: text}, err
}

func (l lambdas) ListEventSourceMappings(
	context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []lambdatypes.EventSourceMappingConfiguration{{
		EventSourceArn: aws.String("arn:aws:sqs:eu-central-1:1:ward-uploads"), State: &l.w.mapping, UUID: aws.String("5f-a"),
	}}}, nil
}

type metrics struct{ w *world }

func (m metrics) GetMetricData(
	_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options),
) (*cloudwatch.GetMetricDataOutput, error) {
	if m.w.refused {
		return nil, errRefused
	}
	stat := in.MetricDataQueries[0].MetricStat
	if *stat.Metric.Namespace != "AWS/SQS" || *stat.Metric.MetricName != "ApproximateAgeOfOldestMessage" {
		return nil, fmt.Errorf("asked for the metric %s %s", *stat.Metric.Namespace, *stat.Metric.MetricName)
	}
	result := cwtypes.MetricDataResult{}
	if age, ok := m.w.ages[strings.TrimPrefix(*stat.Metric.Dimensions[0].Value, "ward-")]; ok {
		result.Values = []float64{age, 1}
	}
	return &cloudwatch.GetMetricDataOutput{MetricDataResults: []cwtypes.MetricDataResult{result}}, nil
}

func (m metrics) DescribeAlarms(
	context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options),
) (*cloudwatch.DescribeAlarmsOutput, error) {
	if m.w.refused {
		return nil, errRefused
	}
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: m.w.alarms}, nil
}

// alarm is an alarm that rings at a topic.
func alarm(name, topic string) cwtypes.MetricAlarm {
	return cwtypes.MetricAlarm{
		AlarmName: &name, StateValue: cwtypes.StateValueAlarm, AlarmActions: []string{"arn:aws:sns:eu-central-1:1:" + topic},
	}
}

type logs struct{ w *world }

func (l logs) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	switch {
	case *in.LogGroupName != "/lazaret/ward": // of express executions
		return nil, &logtypes.ResourceNotFoundException{}
	case l.w.refused:
		return nil, errRefused
	case strings.Contains(*in.FilterPattern, "canary round ended") && l.w.canary != "":
		at := time.Now().Add(-3 * time.Hour).UnixMilli()
		out.Events = []logtypes.FilteredLogEvent{{Message: &l.w.canary, Timestamp: &at}}
	case strings.Contains(*in.FilterPattern, `"dispatch"`) && l.w.mapping != "Enabled":
		at := time.Now().Add(-time.Minute).UnixMilli()
		out.Events = []logtypes.FilteredLogEvent{{
			Message: aws.String(`{"msg":"start","error":"AccessDenied"}`), Timestamp: &at,
			LogStreamName: aws.String("2026/11/30/ward-dispatch[$LATEST]1"),
		}}
	}
	return out, nil
}

type stacks struct{ w *world }

func (s stacks) DescribeStacks(
	context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
) (*cloudformation.DescribeStacksOutput, error) {
	if s.w.refused {
		return nil, errRefused
	}
	stack := cftypes.Stack{StackStatus: cftypes.StackStatusCreateComplete}
	for name, value := range s.w.parameters {
		stack.Parameters = append(stack.Parameters, cftypes.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []cftypes.Stack{stack}}, nil
}

type machines struct {
	*sfn.Client // what is not below is not called
	w           *world
}

func (m machines) ListExecutions(
	_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	if m.w.refused {
		return nil, errRefused
	}
	out := &sfn.ListExecutionsOutput{}
	add := func(n int, item sfntypes.ExecutionListItem) {
		for range n {
			out.Executions = append(out.Executions, item)
		}
	}
	ago := aws.Time(time.Now().Add(-10 * time.Minute))
	switch {
	case strings.HasSuffix(*in.StateMachineArn, ":ward-sweep") && m.w.sweep == nil:
		return nil, &sfntypes.StateMachineDoesNotExist{}
	case strings.HasSuffix(*in.StateMachineArn, ":ward-sweep"):
		add(1, sfntypes.ExecutionListItem{
			ExecutionArn: m.w.sweep.ExecutionArn, Status: m.w.sweep.Status, StartDate: m.w.sweep.StartDate,
		})
	case in.StatusFilter == sfntypes.ExecutionStatusRunning:
		add(m.w.running, sfntypes.ExecutionListItem{StartDate: ago})
	case in.StatusFilter == sfntypes.ExecutionStatusFailed:
		add(m.w.failed, sfntypes.ExecutionListItem{StartDate: ago, StopDate: ago})
	}
	return out, nil
}

func (m machines) DescribeExecution(
	context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	return m.w.sweep, nil
}

// sweepOf is a sweep that ended an hour ago.
func sweepOf(question, output string) *sfn.DescribeExecutionOutput {
	ended := time.Now().Add(-time.Hour)
	return &sfn.DescribeExecutionOutput{
		ExecutionArn: aws.String("arn:aws:states:eu-central-1:1:execution:ward-sweep:a"),
		Status:       sfntypes.ExecutionStatusSucceeded, StartDate: &ended, StopDate: &ended,
		Input: aws.String(`{"question":"` + question + `","purpose":"reconcile"}`), Output: &output,
	}
}
