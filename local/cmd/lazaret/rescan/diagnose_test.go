package rescan

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// fakeQueues answers with the visible and the hidden messages of a queue, as text.
type fakeQueues func(queue string) (visible, hidden string, err error)

func (f fakeQueues) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	return &sqs.GetQueueUrlOutput{QueueUrl: in.QueueName}, nil
}

func (f fakeQueues) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	visible, hidden, err := f(*in.QueueUrl)
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": hidden,
	}}, err
}

type fakeMappings func() ([]lambdatypes.EventSourceMappingConfiguration, error)

func (f fakeMappings) ListEventSourceMappings(
	context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	mappings, err := f()
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: mappings}, err
}

type fakeLogs func(*cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error)

func (f fakeLogs) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return f(in)
}

// noErrors is a log without errors.
func noErrors(*cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return &cloudwatchlogs.FilterLogEventsOutput{}, nil
}

// TestLastError checks that the last error of dispatch is found on any page, and the errors of other functions are not.
func TestLastError(t *testing.T) {
	t.Parallel()
	event := func(function, message string) cwltypes.FilteredLogEvent {
		return cwltypes.FilteredLogEvent{
			LogStreamName: aws.String("2026/11/28/" + function + "[$LATEST]0f"), Message: &message,
			Timestamp: aws.Int64(1795906052149),
		}
	}
	const crashed, refused = `{"type":"platform.report","record":{"status":"error","errorType":"Runtime.ExitError"}}`,
		`{"level":"ERROR","function":"dispatch","msg":"dispatch","error":"AccessDenied","cause":"start e"}`
	tests := []struct {
		name  string
		pages [][]cwltypes.FilteredLogEvent
		err   error
		want  string
	}{
		{"no events", [][]cwltypes.FilteredLogEvent{{}}, nil, ""},
		{
			"a crash",
			[][]cwltypes.FilteredLogEvent{{event("av-dispatch", crashed)}},
			nil,
			"av-dispatch logged at 22:47:32 UTC error: Runtime.ExitError",
		},
		{
			"the last, on a second page",
			[][]cwltypes.FilteredLogEvent{{event("av-dispatch", crashed)}, {event("av-dispatch", refused)}},
			nil,
			"av-dispatch logged at 22:47:32 UTC dispatch: AccessDenied: start e",
		},
		{"an error of another function", [][]cwltypes.FilteredLogEvent{{event("av-scan", crashed)}}, nil, ""},
		{
			"no JSON",
			[][]cwltypes.FilteredLogEvent{{event("av-dispatch", "panic: x")}},
			nil,
			"av-dispatch logged at 22:47:32 UTC panic: x",
		},
		{"refused", nil, errors.New("AccessDenied"), "the log /lazaret/av cannot be read: AccessDenied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := func(in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
				page := 0
				if in.NextToken != nil {
					page = 1
				}
				if tt.err != nil {
					return nil, tt.err
				}
				out := &cloudwatchlogs.FilterLogEventsOutput{Events: tt.pages[page]}
				if page+1 < len(tt.pages) {
					out.NextToken = aws.String("next")
				}
				return out, nil
			}
			if got := lastError(t.Context(), fakeLogs(log), deployment.Stack{Name: "av"}); got != tt.want {
				t.Errorf("lastError() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	depths := func(rescans, uploads, permits [2]string) fakeQueues {
		of := map[string][2]string{"av-rescans": rescans, "av-uploads": uploads, "av-permits": permits}
		return func(queue string) (string, string, error) { return of[queue][0], of[queue][1], nil }
	}
	mapped := func(state string) fakeMappings {
		return func() ([]lambdatypes.EventSourceMappingConfiguration, error) {
			return []lambdatypes.EventSourceMappingConfiguration{
				{
					State:          &state,
					UUID:           aws.String("u-1"),
					EventSourceArn: aws.String("arn:aws:sqs:eu-west-1:111122223333:av-rescans"),
				},
			}, nil
		}
	}
	none, one, permits := [2]string{"0", "0"}, [2]string{"1", "0"}, [2]string{"20", "0"}
	tests := []struct {
		name     string
		queues   fakeQueues
		mappings fakeMappings
		want     []string
	}{
		{
			"the mapping is disabled",
			depths([2]string{"7", "0"}, none, permits),
			mapped("Disabled"),
			[]string{
				"av-rescans: 7 messages wait, 0 with dispatch or hidden after it failed",
				"av-dispatch reads av-rescans: Disabled; aws lambda update-event-source-mapping --enabled --uuid u-1 turns it on",
			},
		},
		{
			"uploads wait",
			depths([2]string{"1", "2"}, [2]string{"12", "20"}, [2]string{"0", "3"}),
			mapped("Enabled"),
			[]string{
				"av-uploads: 32 uploads are ahead of this request, because rescans wait until no upload waits: " +
					"12 in the queue, 20 with dispatch",
				"av-rescans: 1 message waits, 2 with dispatch or hidden after it failed",
				"av-dispatch reads av-rescans: Enabled",
			},
		},
		{
			"one upload waits, and dispatch has the request",
			depths([2]string{"0", "1"}, one, [2]string{"0", "3"}),
			mapped("Enabled"),
			[]string{
				"av-uploads: 1 upload is ahead of this request, because rescans wait until no upload waits: " +
					"1 in the queue, 0 with dispatch",
				"av-rescans: 0 messages wait, 1 with dispatch or hidden after it failed",
				"av-dispatch reads av-rescans: Enabled",
			},
		},
		{
			"no permit is free",
			depths([2]string{"0", "1"}, none, [2]string{"0", "1"}),
			mapped("Enabled"),
			[]string{
				"av-permits: no permit is free: as many objects are in work as MaxConcurrentScans allows, " +
					"and rescans leave a quarter of the permits to uploads",
				"av-rescans: 0 messages wait, 1 with dispatch or hidden after it failed",
				"av-dispatch reads av-rescans: Enabled",
			},
		},
		{
			"dispatch fails", depths([2]string{"0", "1"}, none, permits), mapped("Enabled"),
			[]string{
				"av-rescans: 0 messages wait, 1 with dispatch or hidden after it failed; " +
					"if this lasts, av-dispatch fails, and its log says why",
				"av-dispatch reads av-rescans: Enabled",
			},
		},
		{
			"the queue is empty",
			depths(none, none, permits),
			func() ([]lambdatypes.EventSourceMappingConfiguration, error) { return nil, nil },
			[]string{
				"av-rescans: 0 messages wait, 0 with dispatch or hidden after it failed; the request has been received: " +
					"the execution is about to start, or has started and its log is late, or the request is a dead letter (lazaret redrive)",
				"av-dispatch reads no queue: it has no event source mapping",
			},
		},
		{
			"every request is refused",
			func(string) (string, string, error) { return "", "", errors.New("AccessDenied") },
			func() ([]lambdatypes.EventSourceMappingConfiguration, error) { return nil, errors.New("AccessDenied") },
			[]string{
				"av-uploads: read the depth of av-uploads: AccessDenied",
				"av-permits: read the depth of av-permits: AccessDenied",
				"av-rescans: read the depth of av-rescans: AccessDenied",
				"the event source mapping of av-dispatch cannot be read: AccessDenied",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stack := deployment.Stack{Name: "av"}
			got := Diagnose(t.Context(), test.queues, test.mappings, fakeLogs(noErrors), stack)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}
