package demo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// result has what happened to one sample.
type result struct {
	sample  sample.Sample
	version string
	steps   []step // of its execution
	job     job.Job
	failure string // the error of an execution that failed
	elapsed time.Duration
	err     error // why the demo could not learn it
}

// follow uploads a sample and waits for the end of its execution. It measures the time from the answer to the upload to
// the tag or the dead letter.
func (d *demo) follow(ctx context.Context, s sample.Sample) result {
	r := result{sample: s}
	if r.version, r.err = d.upload(ctx, s); r.err != nil {
		return r
	}
	uploaded := time.Now()
	r.job.Version, r.job.Object = job.Version, job.Object{Bucket: d.bucket("uploads"), Key: s.Key, VersionID: r.version}
	end, events, err := d.await(ctx, r.job.ExecutionName(), uploaded)
	if r.err = err; err != nil {
		return r
	}
	if end.Status != history.Succeeded {
		r.failure = end.Error
	} else if r.err = json.Unmarshal([]byte(end.Output), &r.job); r.err != nil {
		return r
	}
	r.steps = stepsOf(events)
	for _, step := range r.steps {
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

// show writes the row of a result, and records a fault when the outcome is not the expected one.
func (d *demo) show(r result) {
	d.mu.Lock()
	r.row()(d.w)
	d.mu.Unlock()
	if got := r.outcome(); r.err != nil || got != r.sample.Want {
		d.fault("%s: got %+v and error %v, want %+v", r.sample.Key, got, r.err, r.sample.Want)
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
