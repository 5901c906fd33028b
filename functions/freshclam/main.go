// Command freshclam is the Lambda function that updates the definitions on a schedule, and changes
// them on request.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("freshclam", newHandler)
}

func newHandler(_ context.Context, cfg aws.Config) (func(context.Context, json.RawMessage) (any, error), error) {
	u, err := configure(cfg)
	if err != nil {
		return nil, err
	}
	h := handler{updater: u, metrics: metric.Default}
	return h.handle, nil
}
