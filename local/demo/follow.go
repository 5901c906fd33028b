package demo

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// result is what became of one sample.
type result struct {
	sample    sample.Sample
	version   string
	execution string // ARN
	job       job.Job
	failure   string // the error of an execution that failed
	elapsed   time.Duration
	err       error // of the demo itself
}

// follow uploads a sample and waits for the end of its execution. The time is
// from the upload's answer to the tag, or to the dead letter.
func (d *demo) follow(ctx context.Context, s sample.Sample) result {
	r := result{sample: s}
	if r.version, r.err = d.upload(ctx, s); r.err != nil {
		return r
	}
	uploaded := time.Now()
	r.job.Version, r.job.Object = job.Version, job.Object{Bucket: d.bucket("uploads"), Key: s.Key, VersionID: r.version}
	machine := d.app.Machines[0].ARN
	r.execution = executionARN(machine, r.job.ExecutionName())
	var end *sfn.DescribeExecutionOutput
	for {
		var missing *types.ExecutionDoesNotExist
		out, err := d.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &r.execution})
		if err == nil && out.Status != types.ExecutionStatusRunning {
			end = out
			break
		}
		if err != nil && !errors.As(err, &missing) {
			r.err = err
			return r
		}
		if r.err = pause(ctx); r.err != nil {
			return r
		}
	}
	if end.Status != types.ExecutionStatusSucceeded {
		r.failure = aws.ToString(end.Error)
	} else if r.err = json.Unmarshal([]byte(aws.ToString(end.Output)), &r.job); r.err != nil {
		return r
	}
	steps, err := d.history(ctx, r.execution)
	r.err = err
	for _, step := range steps {
		if step.state == "Tag" || step.state == "DeadLetter" {
			r.elapsed = step.end.Sub(uploaded)
		}
		if r.failure != "" && step.state == "DeadLetter" {
			var dead job.Job
			if json.Unmarshal([]byte(step.input), &dead) == nil && dead.Error != nil {
				r.failure = dead.Error.Error
			}
		}
	}
	return r
}

// show writes the row of a result, and notes it when it is not the one wanted.
func (d *demo) show(r result) {
	d.mu.Lock()
	r.row()(d.w)
	d.mu.Unlock()
	if got := r.outcome(); r.err != nil || got != r.sample.Want {
		d.fault("%s is %+v, not %+v (%v)", r.sample.Key, got, r.sample.Want, r.err)
	}
}

func (r result) outcome() sample.Outcome {
	if r.failure != "" {
		return sample.Outcome{Error: r.failure}
	}
	if r.job.Scan == nil {
		return sample.Outcome{}
	}
	s := r.job.Scan
	return sample.Outcome{Verdict: s.Verdict, Signature: s.Signature, Reason: s.Reason, Engine: s.Engine.Name}
}
