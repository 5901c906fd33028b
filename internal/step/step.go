// Package step is what every Lambda function of Lazaret has in common: clients
// made once, one structured log, and the one translation of Go errors to the
// names that the state machine retries and catches. Without that translation a
// wrapped error would reach Step Functions as "wrapError", the name of its Go
// type. It holds no logic of any state and retries nothing: Step Functions does.
package step

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/trace"
)

// Handler is a state: it fills in its own part of the job and hands the rest on
// unchanged. It may be called again with the same job after any failure, also
// one that came after its work was done.
type Handler func(ctx context.Context, j job.Job) (job.Job, error)

// Start runs a state's handler as a Lambda function, for ever. It validates the
// job first and logs one line for each invocation.
func Start(name string, build func(context.Context, aws.Config) (Handler, error)) {
	StartFunc(name, func(ctx context.Context, cfg aws.Config) (func(context.Context, job.Job) (job.Job, error), error) {
		handle, err := build(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return handle.logged(name), nil
	})
}

// StartFunc runs any handler as a Lambda function, for ever: for functions that
// are no state of the machine. A configuration that build refuses ends the
// process, which Lambda reports as an init failure.
func StartFunc[In, Out any](name string, build func(context.Context, aws.Config) (func(context.Context, In) (Out, error), error)) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level()})).With("function", name))
	prepare()
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fail(fmt.Errorf("read the AWS configuration: %w", err))
	}
	trace.Instrument(&cfg)
	handle, err := build(ctx, cfg)
	if err != nil {
		fail(fmt.Errorf("set up %s: %w", name, err))
	}
	lambda.Start(func(ctx context.Context, in In) (Out, error) {
		out, err := handle(ctx, in)
		return out, translate(err)
	})
}

// prepare puts the environment in order before anything measures or uses it. On
// Lambda, and where something plays it, the folder for temporary files is the
// environment's own; elsewhere it is everybody's, and is left alone.
func prepare() {
	if os.Getenv("LAMBDA_TASK_ROOT") != "" {
		scratch.Sweep(os.TempDir())
	}
	// Children inherit it. A core of clamd has a gigabyte, which would fill /tmp
	// (Lambda's limit is 10 GiB) and delay the news of a crash. Best effort: with
	// cores a crash is slower to see and nothing else.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// margin is what a handler leaves of the invocation's time, so that it reports
// an error itself instead of being killed: a killed environment loses its
// engine, and says nothing of what it was doing.
const margin = time.Second

// logged validates the job, runs the handler and logs what came of it.
func (h Handler) logged(name string) Handler {
	return func(ctx context.Context, in job.Job) (job.Job, error) {
		start := time.Now()
		log := slog.With("execution", in.ExecutionName(), "bucket", in.Object.Bucket, "key", in.Object.Key,
			"versionId", in.Object.VersionID, "attempt", in.Attempt)
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
			defer cancel()
		}
		out, err := in, in.Validate()
		if err == nil {
			out, err = h(ctx, in)
		}
		log = log.With("ms", time.Since(start).Milliseconds())
		if err != nil {
			if failed := countGone(metric.Default, name, in, err); failed != nil {
				log.ErrorContext(ctx, name, "cause", failed.Error())
			}
			log.ErrorContext(ctx, name, "error", job.Name(err), "cause", err.Error())
			return job.Job{}, err
		}
		log.InfoContext(ctx, name, "outcome", out.Scan.Outcome())
		return out, nil
	}
}

// translate gives err the name that the ASL knows. aws-lambda-go passes this
// type on as it is, where it would report any other by its Go type.
func translate(err error) error {
	if err == nil {
		return nil
	}
	return messages.InvokeResponse_Error{Type: job.Name(err), Message: err.Error()}
}

// Env returns the environment variable's value, or an error that names it.
func Env(name string) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

// Flag reports whether the environment variable is "true", as the template's
// parameters spell it.
func Flag(name string) bool {
	return os.Getenv(name) == "true"
}

// PathStyle addresses buckets in the path where the endpoint is not AWS's own:
// bucket host names do not resolve on one machine.
func PathStyle(o *s3.Options) {
	o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
}

// level is the log level that Lambda's advanced logging controls ask for.
func level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(os.Getenv("AWS_LAMBDA_LOG_LEVEL"))); err != nil {
		return slog.LevelInfo
	}
	return l
}

func fail(err error) {
	slog.Error("init", "cause", err.Error())
	os.Exit(1)
}
