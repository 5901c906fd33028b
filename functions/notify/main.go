// Command notify is the Lambda function of the state Notify: it announces the verdict on an SNS topic
// and on an event bus.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.Start("notify", func(_ context.Context, cfg aws.Config) (step.Handler, error) {
		topic, err := step.Env("TOPIC_ARN")
		if err != nil {
			return nil, err
		}
		bus, err := step.Env("EVENT_BUS")
		if err != nil {
			return nil, err
		}
		stack, err := step.Env("STACK_NAME")
		if err != nil {
			return nil, err
		}
		place, err := canary.FromEnvironment()
		if err != nil {
			return nil, err
		}
		h := handler{
			sns: sns.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg),
			topic: topic, bus: bus, stack: stack, canary: place,
		}
		return h.handle, nil
	})
}
