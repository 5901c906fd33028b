// Command scan is the Lambda function of the state Scan.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/workdir"
)

func main() {
	step.Start("scan", func(context.Context, aws.Config) (step.Handler, error) {
		work, err := step.Env("WORK_DIR")
		if err != nil {
			return nil, err
		}
		root, err := step.Env("DEFINITIONS_DIR")
		if err != nil {
			return nil, err
		}
		dir, err := workdir.Open(work)
		if err != nil {
			return nil, err
		}
		current, err := follow(definitions.Open(root))
		if err != nil {
			return nil, err
		}
		engine := clamav.NewSupervisor(clamav.Config{Clamd: clamd(), RunDir: os.TempDir()})
		// Lambda cuts init off after ten seconds, a full set takes longer to load:
		// begin now, wait at the first invocation.
		if g, err := current.Current(); err == nil {
			if err := engine.Start(g); err != nil {
				slog.Warn("init", "cause", err.Error())
			}
		}
		h := handler{engine: engine, definitions: current, dir: dir, metrics: metric.Default}
		return h.handle, nil
	})
}
