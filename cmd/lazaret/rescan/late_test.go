package rescan

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
			if diff := cmp.Diff(test.want, Late(t.Context(), test.queue, test.mappings, stack.Stack{Name: "av"})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
