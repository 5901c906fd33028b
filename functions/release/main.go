// Command release is the Lambda function that carries out what operators decide about contents: it puts a quarantined
// object back whose signature was wrong, and keeps the lists of allowed and blocked contents. It is not a state of the
// state machine: the operator's command invokes it.
package main

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

func main() {
	step.StartFunc("release", configure)
}

// configure reads the environment variables that template.yaml sets.
func configure(
	_ context.Context, cfg aws.Config,
) (func(context.Context, decision.Request) (decision.Answer, error), error) {
	client := s3.NewFromConfig(cfg, step.PathStyle)
	h := handler{
		s3: client, move: move.New(client), sns: sns.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg),
		clean: os.Getenv("CLEAN_BUCKET"), now: time.Now,
		tags: verdicttag.Writer{GuardDuty: step.Flag("GUARDDUTY_TAG")},
	}
	for name, value := range map[string]*string{
		"UPLOADS_BUCKET": &h.uploads, "QUARANTINE_BUCKET": &h.quarantine, "RECORDS_BUCKET": &h.records,
		"TOPIC_ARN": &h.topic, "EVENT_BUS": &h.bus,
	} {
		var err error
		if *value, err = step.Env(name); err != nil {
			return nil, err
		}
	}
	return h.handle, nil
}
