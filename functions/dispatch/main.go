// Command dispatch is the Lambda function that reads the queues of uploads and of rescans, waits until
// an object may be worked on, and starts an execution of the scan state machine for it. It also keeps
// the number of permits, by which it knows how many objects are in work.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("dispatch", configure)
}

// configure reads the environment variables that template.yaml sets.
func configure(
	_ context.Context, cfg aws.Config,
) (func(context.Context, json.RawMessage) (any, error), error) {
	h := handler{
		stepFunctions:  sfn.NewFromConfig(cfg, plainHost),
		sqs:            sqs.NewFromConfig(cfg),
		events:         eventbridge.NewFromConfig(cfg),
		expressMachine: os.Getenv("EXPRESS_STATE_MACHINE_ARN"),
		policy: job.Policy{
			PromoteClean:          step.Flag("PROMOTE_CLEAN"),
			QuarantineUnscannable: step.Flag("QUARANTINE_UNSCANNABLE"),
			AnnounceClean:         step.Flag("ANNOUNCE_CLEAN"),
			GuardDutyEvents:       step.Flag("GUARDDUTY_EVENTS"),
		},
		uploads: os.Getenv("UPLOADS_BUCKET"),
		metrics: metric.Default,
	}
	h.permits.SQS = h.sqs
	for name, value := range map[string]*string{
		"STATE_MACHINE_ARN": &h.machine, "DEAD_LETTERS_URL": &h.deadLetters, "PERMITS_URL": &h.permits.URL,
		"UPLOADS_QUEUE_URL": &h.uploadQueue, "RESCANS_QUEUE_URL": &h.rescanQueue, "RESCANS_QUEUE_ARN": &h.rescanARN,
	} {
		var err error
		if *value, err = step.Env(name); err != nil {
			return nil, err
		}
	}
	n := os.Getenv("MAX_IN_WORK")
	var err error
	if h.maxInWork, err = strconv.Atoi(n); err != nil || h.maxInWork < 1 {
		return nil, fmt.Errorf("environment variable MAX_IN_WORK is %q, want a number from 1", n)
	}
	return h.handle, nil
}

// plainHost keeps the SDK from calling StartSyncExecution at another host (sync-states) if the endpoint
// is not AWS's own: that host exists at AWS only.
func plainHost(o *sfn.Options) {
	if os.Getenv("AWS_ENDPOINT_URL") == "" && os.Getenv("AWS_ENDPOINT_URL_SFN") == "" {
		return
	}
	disable := middleware.InitializeMiddlewareFunc("PlainHost", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	})
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(disable, middleware.Before)
	})
}
