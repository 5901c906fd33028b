package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/job"
)

// step is one state of an execution, as its history tells it.
type step struct {
	state      string
	input      string
	start, end time.Time
}

// history reads the states that an execution went through.
func (d *demo) history(ctx context.Context, execution string) ([]step, error) {
	var steps []step
	pages := sfn.NewGetExecutionHistoryPaginator(d.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", execution, err)
		}
		for _, e := range page.Events {
			at := aws.ToTime(e.Timestamp)
			if len(steps) > 0 {
				steps[len(steps)-1].end = at // until the next event that names a state
			}
			if in := e.StateEnteredEventDetails; in != nil {
				steps = append(steps, step{state: aws.ToString(in.Name), input: aws.ToString(in.Input), start: at, end: at})
			}
		}
	}
	return steps, nil
}

// execution shows the states and times of the first infected sample.
func (d *demo) execution(ctx context.Context, results []result) {
	for _, r := range results {
		if r.outcome().Verdict != job.Infected {
			continue
		}
		steps, err := d.history(ctx, r.execution)
		if err != nil {
			d.fault("%v", err)
			return
		}
		fmt.Fprintf(d.w, "\nThe way of %s through the state machine\n", r.sample.Key)
		for _, s := range steps {
			fmt.Fprintf(d.w, "  %-12s %6d ms\n", s.state, s.end.Sub(s.start).Milliseconds())
		}
		return
	}
}

// executionARN is the ARN of a machine's execution of that name.
func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}
