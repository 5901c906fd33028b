// Command sweep is the Lambda function of the state machine sweep: it lists the versions of buckets, compares
// each with a question, and sends those that match to the queue of rescans.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("sweep", func(_ context.Context, cfg aws.Config) (
		func(context.Context, request) (json.RawMessage, error), error,
	) {
		h := handler{
			s3: s3.NewFromConfig(cfg, step.PathStyle), sqs: sqs.NewFromConfig(cfg), metrics: metric.Default, now: time.Now,
		}
		for name, value := range map[string]*string{"RECORDS_BUCKET": &h.records, "RESCANS_QUEUE_URL": &h.rescans} {
			var err error
			if *value, err = step.Env(name); err != nil {
				return nil, err
			}
		}
		uploads, err := step.Env("UPLOADS_BUCKET")
		if err != nil {
			return nil, err
		}
		h.buckets, h.clean = []string{uploads}, os.Getenv("CLEAN_BUCKET")
		for bucket := range strings.SplitSeq(os.Getenv("EXISTING_BUCKETS"), ",") {
			if bucket = strings.TrimSpace(bucket); bucket != "" {
				h.buckets = append(h.buckets, bucket)
			}
		}
		return h.handle, nil
	})
}
