// Command dispatch is the Lambda function between the uploads queue and the
// scan state machine.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.StartFunc("dispatch", func(_ context.Context, cfg aws.Config) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
		machine, err := step.Env("STATE_MACHINE_ARN")
		if err != nil {
			return nil, err
		}
		deadLetters, err := step.Env("DEAD_LETTERS_URL")
		if err != nil {
			return nil, err
		}
		policy := job.Policy{
			PromoteClean:          step.Flag("PROMOTE_CLEAN"),
			QuarantineUnscannable: step.Flag("QUARANTINE_UNSCANNABLE"),
			AnnounceClean:         step.Flag("ANNOUNCE_CLEAN"),
		}
		h := handler{
			states: sfn.NewFromConfig(cfg), machine: machine, policy: policy, uploads: os.Getenv("UPLOADS_BUCKET"),
			letters: sqs.NewFromConfig(cfg), deadLetters: deadLetters,
		}
		return h.handle, nil
	})
}
