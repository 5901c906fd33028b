// Command quarantine is the Lambda function of the state Quarantine: it moves an infected object to
// the quarantine bucket.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

func main() {
	step.Start("quarantine", func(_ context.Context, cfg aws.Config) (step.Handler, error) {
		bucket, err := step.Env("QUARANTINE_BUCKET")
		if err != nil {
			return nil, err
		}
		place, err := canary.FromEnvironment()
		if err != nil {
			return nil, err
		}
		client := s3.NewFromConfig(cfg, step.PathStyle)
		trials, err := newTrials(client)
		if err != nil {
			return nil, err
		}
		h := handler{
			s3: client, move: move.New(client), bucket: bucket, trials: trials, canary: place,
			tags: verdicttag.Writer{GuardDuty: step.Flag("GUARDDUTY_TAG")},
		}
		return h.handle, nil
	})
}
