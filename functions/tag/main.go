// Command tag is the Lambda function of the state Tag: it writes the verdict into the tags of the
// version that was scanned.
package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/step"
)

func main() {
	step.Start("tag", func(_ context.Context, cfg aws.Config) (step.Handler, error) {
		h := handler{s3: s3.NewFromConfig(cfg, step.PathStyle), now: time.Now}
		return h.handle, nil
	})
}
