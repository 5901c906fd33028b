// Command tag is the Lambda function of the state Tag: it writes the verdict into the tags of the
// version that was scanned.
package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

func main() {
	step.Start("tag", func(_ context.Context, cfg aws.Config) (step.Handler, error) {
		h := handler{
			s3: s3.NewFromConfig(cfg, step.PathStyle), now: time.Now,
			tags: verdicttag.Writer{GuardDuty: step.Flag("GUARDDUTY_TAG")},
		}
		return h.handle, nil
	})
}
