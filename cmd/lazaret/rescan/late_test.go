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

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

type fakeQueue func() (map[string]string, error)

func (f fakeQueue) GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	attributes, err := f()
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, err
}

type fakeMappings func() ([]lambdatypes.EventSourceMappingConfiguration, error)

func (f fakeMappings) ListEventSourceMappings(
	context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	mappings, err := f()
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: mappings}, err
}

type fakeEvents func(*cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error)

func (f fakeEvents) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return f(in)
}

// silent is a log without errors.
func silent(*cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return &cloudwatchlogs.FilterLogEventsOutput{}, nil
}

// The last error of dispatch is told, whichever page it is on, and no other
// function's.
func TestLateReadsTheLog(t *testing.T) {
	t.Parallel()
	event := func(function, message string) cwltypes.FilteredLogEvent {
		return cwltypes.FilteredLogEvent{
			LogStreamName: aws.String("2026/11/28/" + function + "[$LATEST]0f"), Message: &message, Timestamp: aws.Int64(1795906052149),
		}
	}
	const crashed, refused = `{"type":"platform.report","record":{"status":"error","errorType":"Runtime.ExitError"}}`,
		`{"level":"ERROR","function":"dispatch","msg":"dispatch","error":"AccessDenied","cause":"start e"}`
	tests := []struct {
		name  string
		pages [][]cwltypes.FilteredLogEvent
		err   error
		want  []string
	}{
		{"nothing", [][]cwltypes.FilteredLogEvent{{}}, nil, nil},
		{"a crash", [][]cwltypes.FilteredLogEvent{{event("av-dispatch", crashed)}}, nil, []string{"av-dispatch logged at 22:47:32 UTC error: Runtime.ExitError"}},
		{
			"the last, on a second page",
			[][]cwltypes.FilteredLogEvent{{event("av-dispatch", crashed)}, {event("av-dispatch", refused)}},
			nil,
			[]string{"av-dispatch logged at 22:47:32 UTC dispatch: AccessDenied: start e"},
		},
		{"another function's", [][]cwltypes.FilteredLogEvent{{event("av-scan", crashed)}}, nil, nil},
		{"no JSON", [][]cwltypes.FilteredLogEvent{{event("av-dispatch", "panic: x")}}, nil, []string{"av-dispatch logged at 22:47:32 UTC panic: x"}},
		{"refused", nil, errors.New("AccessDenied"), []string{"the log /lazaret/av cannot be read: AccessDenied"}},
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
			if diff := cmp.Diff(tt.want, logged(t.Context(), fakeEvents(log), stack.Stack{Name: "av"})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	depth := func(visible, hidden string) fakeQueue {
		return func() (map[string]string, error) {
			return map[string]string{"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": hidden}, nil
		}
	}
	mapped := func(state string) fakeMappings {
		return func() ([]lambdatypes.EventSourceMappingConfiguration, error) {
			return []lambdatypes.EventSourceMappingConfiguration{{
				State: &state, UUID: aws.String("u-1"), EventSourceArn: aws.String("arn:aws:sqs:eu-west-1:111122223333:av-uploads"),
			}}, nil
		}
	}
	tests := []struct {
		name     string
		queue    fakeQueue
		mappings fakeMappings
		want     []string
	}{
		{
			"the mapping is off", depth("7", "0"), mapped("Disabled"),
			[]string{
				"av-uploads: 7 messages wait, 0 are with dispatch or are hidden after it failed",
				"av-dispatch reads av-uploads: Disabled; aws lambda update-event-source-mapping --enabled --uuid u-1 turns it on",
			},
		},
		{
			"dispatch fails", depth("0", "1"), mapped("Enabled"),
			[]string{
				"av-uploads: 0 messages wait, 1 are with dispatch or are hidden after it failed; that this lasts means that av-dispatch fails: its log says why",
				"av-dispatch reads av-uploads: Enabled",
			},
		},
		{
			"taken", depth("0", "0"), func() ([]lambdatypes.EventSourceMappingConfiguration, error) { return nil, nil },
			[]string{
				"av-uploads: 0 messages wait, 0 are with dispatch or are hidden after it failed; " +
					"the request has been taken: it is about to start, or among the dead letters (lazaret redrive)",
				"av-dispatch reads no queue: it has no event source mapping",
			},
		},
		{
			"nothing may be looked at", func() (map[string]string, error) { return nil, errors.New("AccessDenied") },
			func() ([]lambdatypes.EventSourceMappingConfiguration, error) { return nil, errors.New("AccessDenied") },
			[]string{"av-uploads cannot be looked at: AccessDenied", "whether av-dispatch reads the queue cannot be seen: AccessDenied"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Late(t.Context(), test.queue, test.mappings, fakeEvents(silent), stack.Stack{Name: "av"})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
