// Package sweeps starts sweeps of a deployed stack, follows them to their ends and reads what they have found. The
// state machine <stack>-sweep does the work; see package sweep.
package sweeps

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/uuid"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// ErrFailed says that a sweep ended before it had looked at every version.
var ErrFailed = errors.New("the sweep failed")

// ErrOlderStack says that the stack has no state machine of sweeps.
var ErrOlderStack = errors.New("the stack is older than this command: deploy it again")

// machines are the operations that Start and Follow call.
type machines interface {
	StartExecution(
		context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options),
	) (*sfn.StartExecutionOutput, error)
	DescribeExecution(
		context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
}

// Start starts a sweep, and returns the ARN of its execution. Its name begins with the purpose.
func Start(
	ctx context.Context, client machines, stack deployment.Stack, r sweep.Request,
) (execution string, err error) {
	input, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode the request of a sweep: %w", err)
	}
	out, err := client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(stack.SweepMachine()), Input: aws.String(string(input)),
		Name: aws.String(string(r.Purpose) + "-" + uuid.NewString()),
	})
	if _, missing := errors.AsType[*types.StateMachineDoesNotExist](err); missing {
		return "", fmt.Errorf("start a sweep: there is no state machine %s: %w", stack.SweepMachine(), ErrOlderStack)
	}
	if err != nil {
		return "", fmt.Errorf("start a sweep with %s: %w", stack.SweepMachine(), err)
	}
	return aws.ToString(out.ExecutionArn), nil
}

// Follow waits for the end of a sweep, and calls progress after each look at it. The error is an ErrFailed with the
// cause if the sweep failed. When ctx ends, the sweep goes on.
func Follow(ctx context.Context, client machines, execution string, progress func()) (s sweep.Summary, err error) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	for pause := shortest; ; pause = min(pause*3/2, longest) {
		out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		if err != nil {
			return s, fmt.Errorf("look at %s: %w", execution, err)
		}
		switch out.Status {
		case types.ExecutionStatusRunning, types.ExecutionStatusPendingRedrive:
		case types.ExecutionStatusSucceeded:
			if err := json.Unmarshal([]byte(aws.ToString(out.Output)), &s); err != nil {
				return s, fmt.Errorf("read the summary of %s: %w", execution, err)
			}
			return s, nil
		default:
			cause := job.Message(aws.ToString(out.Cause))
			if _, wrong, is := strings.Cut(cause, sweep.ErrRequest.Error()+": "); is { // nothing was looked at
				return s, fmt.Errorf("%w: %s", sweep.ErrRequest, wrong)
			}
			if name := aws.ToString(out.Error); name != "" {
				cause = name + ": " + cause
			}
			return s, fmt.Errorf("%w: %s %s: %s", ErrFailed, execution, out.Status, cause)
		}
		progress()
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("follow %s: %w", execution, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// records are the operations that Found calls.
type records interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Found returns the versions that matched in a run, and those whose tags could not be read. It ends after an error.
func Found(ctx context.Context, client records, bucket, run string) iter.Seq2[sweep.Found, error] {
	return func(yield func(sweep.Found, error) bool) {
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{
			Bucket: &bucket, Prefix: aws.String(sweep.ObjectsPrefix(run)),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(sweep.Found{}, fmt.Errorf("list s3://%s/%s: %w", bucket, sweep.ObjectsPrefix(run), err))
				return
			}
			for _, o := range page.Contents {
				if !readFound(ctx, client, bucket, aws.ToString(o.Key), yield) {
					return
				}
			}
		}
	}
}

// readFound reads one file, and reports whether to go on.
func readFound(
	ctx context.Context, client records, bucket, key string, yield func(sweep.Found, error) bool,
) bool {
	fail := func(err error) bool {
		yield(sweep.Found{}, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err))
		return false
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fail(err)
	}
	content, err := io.ReadAll(out.Body)
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return fail(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 64<<10) // a key has 1,024 bytes at most, and each may be escaped
	for lines.Scan() {
		var f sweep.Found
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return fail(err)
		}
		if !yield(f, nil) {
			return false
		}
	}
	if err := lines.Err(); err != nil {
		return fail(err)
	}
	return true
}
