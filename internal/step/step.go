// Package step is what all Lambda functions of Lazaret have in common: one set of AWS clients, one
// structured log, and the translation of Go errors to the error names that the state machine retries
// and catches. Without it Step Functions would see the name of the error's Go type, such as
// "wrapError". Step Functions retries; this package does not.
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

// Handler is the work of one state: it fills in its own part of the job and returns the rest
// unchanged. After any failure it may be called again with the same job, also if it had done its work.
type Handler func(ctx context.Context, j job.Job) (job.Job, error)

// Start runs a state's handler as a Lambda function and does not return. It validates each job first
// and logs one line for each invocation.
func Start(name string, build func(context.Context, aws.Config) (Handler, error)) {
	StartFunc(name, func(ctx context.Context, cfg aws.Config) (func(context.Context, job.Job) (job.Job, error), error) {
		handle, err := build(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return handle.withLog(name), nil
	})
}

// StartFunc runs any handler as a Lambda function and does not return. It is for functions that are
// not a state of the state machine. An error of build ends the process, which Lambda reports as an
// init failure.
func StartFunc[In, Out any](
	name string, build func(context.Context, aws.Config) (func(context.Context, In) (Out, error), error),
) {
	logs := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: logLevel()})
	slog.SetDefault(slog.New(logs).With("function", name))
	prepareEnvironment()
	useCores(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	collectLess()
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		exit(fmt.Errorf("read the AWS configuration: %w", err))
	}
	trace.Instrument(&cfg)
	handle, err := build(ctx, cfg)
	if err != nil {
		exit(fmt.Errorf("set up %s: %w", name, err))
	}
	lambda.Start(func(ctx context.Context, in In) (Out, error) {
		out, err := handle(ctx, in)
		return out, translate(err)
	})
}

// prepareEnvironment removes old temporary files and disables core dumps. Where LAMBDA_TASK_ROOT is
// set, as on Lambda and in the local stack, no other program uses the folder for temporary files;
// elsewhere the files stay.
func prepareEnvironment() {
	if os.Getenv("LAMBDA_TASK_ROOT") != "" {
		scratch.Sweep(os.TempDir())
	}
	// Child processes inherit the limit. A core dump of clamd has about 1 GB, would fill /tmp and delay
	// the report of a crash. An error is ignored, because core dumps only make a crash slower to detect.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// replyTime is how long before the end of the invocation a handler's context ends, so that the handler
// can return an error. Lambda would kill the environment instead, with the engine in it, and log no
// cause.
const replyTime = time.Second

// withLog returns a handler that validates the job, calls h and logs the outcome.
func (h Handler) withLog(name string) Handler {
	return func(ctx context.Context, in job.Job) (job.Job, error) {
		start := time.Now()
		log := slog.With("execution", in.ExecutionName(), "bucket", in.Object.Bucket, "key", in.Object.Key,
			"versionId", in.Object.VersionID, "attempt", in.Attempt)
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-replyTime))
			defer cancel()
		}
		out, err := in, in.Validate()
		if err == nil {
			out, err = h(ctx, in)
		}
		log = log.With("ms", time.Since(start).Milliseconds())
		if err != nil {
			if emitErr := countGone(metric.Default, name, in, err); emitErr != nil {
				log.ErrorContext(ctx, name, "cause", emitErr.Error())
			}
			log.ErrorContext(ctx, name, "error", job.Name(err), "cause", err.Error())
			return job.Job{}, err
		}
		log.InfoContext(ctx, name, "outcome", out.Scan.Outcome())
		return out, nil
	}
}

// translate returns err with its name in the state machine. aws-lambda-go passes this type on as it
// is, and reports any other error by its Go type.
func translate(err error) error {
	if err == nil {
		return nil
	}
	return messages.InvokeResponse_Error{Type: job.Name(err), Message: err.Error()}
}

// Env returns the value of an environment variable, or an error with its name if it is empty.
func Env(name string) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

// Flag reports whether the environment variable is "true", the value that template.yaml uses.
func Flag(name string) bool {
	return os.Getenv(name) == "true"
}

// PathStyle puts the bucket into the path of requests if the endpoint is not AWS's own, because host
// names of buckets do not resolve there.
func PathStyle(o *s3.Options) {
	o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
}

// logLevel returns the level that Lambda's logging configuration sets:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func logLevel() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(os.Getenv("AWS_LAMBDA_LOG_LEVEL"))); err != nil {
		return slog.LevelInfo
	}
	return l
}

// exit logs an error of the init phase and ends the process.
func exit(err error) {
	slog.Error("init", "cause", err.Error())
	os.Exit(1)
}
