// Command fetch is the Lambda function of the state Fetch.
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
		h := handler{s3: s3.NewFromConfig(cfg, step.PathStyle), dir: dir}
		return h.handle, nil
	})
}
