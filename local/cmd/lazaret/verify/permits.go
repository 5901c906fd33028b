package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/permit"
)

var checkPermits = Check{
	Name: "permits", Claim: "there are as many permits as objects may be in work",
	Needs: []string{"sqs:GetQueueAttributes", "states:ListExecutions"},
	Run: func(ctx context.Context, r *run) Line {
		url := r.stack.Outputs["PermitQueueUrl"]
		if url == "" {
			return olderStack("PermitQueueUrl")
		}
		want, err := r.stack.inWork()
		if err != nil {
			return fail("%v", err)
		}
		deadline := time.Now().Add(r.permitsWithin)
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			free, held, err := permit.Depth(ctx, r.sqs, url)
			switch {
			case isMissing(err):
				return fail("there is no queue %s: dispatch starts nothing", queue(url))
			case err != nil:
				return errorLine(ctx, err, "look at "+queue(url), "sqs:GetQueueAttributes")
			}
			running, err := r.histories.CountRunning(ctx, want+1)
			if err != nil {
				return errorLine(ctx, err, "count the running executions", "states:ListExecutions")
			}
			seen := fmt.Sprintf("%d: %d free, %d held by %s, %d with running executions",
				free+held+running, free, held, r.stack.function("dispatch"), running)
			switch {
			case free+held+running == want:
				return pass("%s", seen)
			case time.Now().After(deadline):
				return fail("%s; but there must be %d, and were not for %s: %s",
					seen, want, r.permitsWithin, r.advice(free+held+running < want))
			}
			select {
			case <-ctx.Done():
				return errorLine(ctx, ctx.Err(), "see the right number of permits", "")
			case <-time.After(pause):
			}
		}
	},
}

// advice says what wrong numbers of permits mean, and where to look.
func (r *run) advice(tooFew bool) string {
	means := "more objects are in work at once than MaxConcurrentScans allows"
	if tooFew {
		means = "uploads wait although engines are free"
	}
	return fmt.Sprintf("%s. %s counts the permits every minute (schedule %s-permits), and its log says why it does not "+
		"mend this", means, r.stack.function("dispatch"), r.stack.Name)
}
