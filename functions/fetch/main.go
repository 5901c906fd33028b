// Command fetch is the Lambda function of the state Fetch: it downloads the object to a work file on
// the shared volume.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/workdir"
)

func main() {
	step.Start("fetch", func(_ context.Context, cfg aws.Config) (step.Handler, error) {
		path, err := step.Env("WORK_DIR")
		if err != nil {
			return nil, err
		}
		dir, err := workdir.Open(path)
		if err != nil {
			return nil, err
		}
		h := handler{s3: s3.NewFromConfig(cfg, step.PathStyle, quiet), dir: dir}
		return h.handle, nil
	})
}

// quiet keeps the SDK from logging for each part that S3 sent no checksum of it: fetch compares the hash of
// the whole object.
func quiet(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true }
