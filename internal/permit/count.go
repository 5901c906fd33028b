package permit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// readings is how many counts in a row must be wrong, and pause the time between two of them. SQS and
	// Step Functions tell about how much they hold, and between the end of an execution and the arrival of
	// its permit both hold one less.
	readings = 3
	pause    = 5 * time.Second
)

// body is the body of every permit. The rule EndedRule in template.yaml sends the same.
const body = `{"permit":1}`

// Executions counts the executions that have a permit which was deleted from the queue.
type Executions interface {
	// Running returns how many run; above limit it need not count further.
	Running(ctx context.Context, limit int) (int, error)
	// Any reports whether one was ever started.
	Any(ctx context.Context) (bool, error)
}

// Counter keeps the number of permits: those in the queue, and those of executions.
type Counter struct {
	Pool       Pool
	Executions Executions
	Max        int // how many permits there should be
}

// Counted is the result of a count.
type Counted struct {
	Want    int `json:"want"`
	Free    int `json:"free"`    // permits that nobody has
	Held    int `json:"held"`    // permits that somebody keeps invisible
	Running int `json:"running"` // executions, each with a permit
	Sent    int `json:"sent"`    // permits that were missing
	Removed int `json:"removed"` // permits too many
}

// deviation is 0 if there are as many permits as there should be, and negative if some are missing.
func (c Counted) deviation() int { return c.Free + c.Held + c.Running - c.Want }

// Mend counts the permits. If too few or too many were counted three times in a row, it sends or removes
// as many as were wrong at least. Where nothing was ever in work it sends all at once. Two calls at the
// same time would mend twice: call it from one place.
func (c Counter) Mend(ctx context.Context) (Counted, error) {
	var best Counted
	for n := range readings {
		if n > 0 {
			if err := sleep(ctx, pause); err != nil {
				return best, err
			}
		}
		now, err := c.read(ctx)
		if err != nil {
			return now, err
		}
		d := now.deviation()
		if d == 0 || n > 0 && (d < 0) != (best.deviation() < 0) {
			return now, nil
		}
		if n == 0 && -d == c.Max { // nothing was counted
			switch before, err := c.Executions.Any(ctx); {
			case err != nil:
				return now, fmt.Errorf("count permits: %w", err)
			case !before:
				return c.mend(ctx, now)
			}
		}
		if n == 0 || abs(d) < abs(best.deviation()) {
			best = now
		}
	}
	return c.mend(ctx, best)
}

// read counts once.
func (c Counter) read(ctx context.Context) (Counted, error) {
	now := Counted{Want: c.Max}
	var err error
	if now.Free, now.Held, err = Depth(ctx, c.Pool.SQS, c.Pool.URL); err != nil {
		return now, fmt.Errorf("count permits: %w", err)
	}
	if now.Running, err = c.Executions.Running(ctx, c.Max); err != nil {
		return now, fmt.Errorf("count permits: %w", err)
	}
	return now, nil
}

// mend sends the permits that are missing, or removes those that are too many and free.
func (c Counter) mend(ctx context.Context, counted Counted) (Counted, error) {
	var err error
	if d := counted.deviation(); d < 0 {
		counted.Sent, err = c.send(ctx, -d)
	} else {
		counted.Removed, err = c.remove(ctx, d)
	}
	return counted, err
}

// send sends n permits and returns how many of them arrived.
func (c Counter) send(ctx context.Context, n int) (sent int, err error) {
	for sent < n {
		var entries []types.SendMessageBatchRequestEntry
		for i := range min(n-sent, 10) { // SQS takes ten at once
			entries = append(entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(body),
			})
		}
		out, err := c.Pool.SQS.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &c.Pool.URL, Entries: entries})
		if err != nil {
			return sent, fmt.Errorf("send %d missing permits: %w", n-sent, err)
		}
		sent += len(out.Successful)
		if len(out.Failed) > 0 {
			return sent, fmt.Errorf("send %d missing permits: %s", n-sent, aws.ToString(out.Failed[0].Message))
		}
	}
	return sent, nil
}

// remove deletes up to n free permits and returns how many it deleted. The others are in use.
func (c Counter) remove(ctx context.Context, n int) (removed int, err error) {
	for removed < n {
		p, err := c.Pool.Take(ctx, 0)
		if err == nil && p != nil {
			err = p.Delete(ctx)
		}
		if err != nil {
			return removed, fmt.Errorf("remove %d permits too many: %w", n-removed, err)
		}
		if p == nil {
			return removed, nil
		}
		removed++
	}
	return removed, nil
}

func abs(n int) int { return max(n, -n) }

// sleep returns after d, or with an error when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("count permits: %w", ctx.Err())
	}
}
