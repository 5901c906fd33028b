// Command canary is the Lambda function that proves, on a schedule, that the pipeline works: it uploads EICAR and a
// clean text to the uploads bucket, waits until both have come out, looks whether they came out right, and removes them.
package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("canary", func(_ context.Context, cfg aws.Config) (
		func(context.Context, json.RawMessage) (Round, error), error,
	) {
		place, err := canary.FromEnvironment()
		if err != nil {
			return nil, err
		}
		if _, err := step.Env("CANARY_PREFIX"); err != nil {
			return nil, err
		}
		quarantine, err := step.Env("QUARANTINE_BUCKET")
		if err != nil {
			return nil, err
		}
		h := handler{
			s3: s3.NewFromConfig(cfg, step.PathStyle), place: place, quarantine: quarantine,
			clean: os.Getenv("CLEAN_BUCKET"), metrics: metric.Default, now: time.Now, pause: pause,
		}
		return h.handle, nil
	})
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
