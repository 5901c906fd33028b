// Command report is the Lambda function that puts GuardDuty's event about an upload that became a dead letter. The state
// machine runs it after it has sent the dead letter (state Report), and the rule ReportDiedRule of template.yaml when an
// execution died outside the state machine's own handling of errors. The dead letter is in its queue by then: whatever
// happens here, no upload is lost.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("report", func(_ context.Context, cfg aws.Config) (
		func(context.Context, json.RawMessage) (any, error), error,
	) {
		bus, err := step.Env("EVENT_BUS")
		if err != nil {
			return nil, err
		}
		place, err := canary.FromEnvironment()
		if err != nil {
			return nil, err
		}
		h := handler{events: eventbridge.NewFromConfig(cfg), bus: bus, canary: place}
		return h.handle, nil
	})
}
