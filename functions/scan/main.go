// Command scan is the Lambda function of the state Scan: it scans the work file with
// clamd and gives the verdict.
package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/workdir"
)

// parallel is how many members of a file the engine scans at once: as many as the
// function has cores (MemorySize in template.yaml).
const parallel = 2

func main() {
	// The engine uses the other cores. Go takes a fifth of what the engine takes to unpack a file, and would
	// use a second core to wake up and go to sleep again for each small file.
	runtime.GOMAXPROCS(1)
	step.Start("scan", configure)
}

// configure reads the environment variables that template.yaml sets, and starts to
// load an engine.
func configure(ctx context.Context, cfg aws.Config) (step.Handler, error) {
	work, err := step.Env("WORK_DIR")
	if err != nil {
		return nil, err
	}
	root, err := step.Env("DEFINITIONS_DIR")
	if err != nil {
		return nil, err
	}
	records, err := step.Env("RECORDS_BUCKET")
	if err != nil {
		return nil, err
	}
	dir, err := workdir.Open(work)
	if err != nil {
		return nil, err
	}
	chooser, err := newChooser(definitions.Open(root))
	if err != nil {
		return nil, err
	}
	engine := clamav.NewSupervisor(clamav.Config{RunDir: os.TempDir(), Threads: parallel})
	// Lambda ends the init phase after 10 seconds, and the official definitions take
	// longer to load. The first invocation waits for the rest.
	if g, err := chooser.Current(); err == nil {
		if err := engine.Start(g); err != nil {
			slog.Warn("init", "cause", err.Error())
		}
	}
	h := handler{
		engine:      engine,
		definitions: chooser,
		dir:         dir,
		metrics:     metric.Default,
		unpack:      unpack.Checker{Formats: formats.All(), Parallel: parallel},
		decisions:   &decisions{s3: s3.NewFromConfig(cfg, step.PathStyle), bucket: records, now: time.Now},
	}
	h.decisions.refresh(ctx) // beside the engine, which takes longer; the first invocation reports an error
	return h.handle, nil
}
