// Package decide asks the function release of a deployed stack to carry out what an operator decides about contents:
// to put quarantined objects back, to allow and to block. The operator needs the permission to invoke that function,
// and no other.
package decide

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// ErrNoVerdict: an object that was put back got no verdict in time.
var ErrNoVerdict = errors.New("no verdict yet")

// Client sends requests to the function.
type Client struct {
	// Ask sends one request.
	Ask func(context.Context, decision.Request) (decision.Answer, error)
	// By is who asks, an ARN.
	By string
	// Interval is how long Wait waits between two requests at first, and at most five times that. A second if zero.
	Interval time.Duration
}

// New returns a Client for the stack. It asks STS who the caller is, for which no permission is needed.
func New(ctx context.Context, cfg aws.Config, stack string) (*Client, error) {
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ask AWS who the caller is: %w", err)
	}
	// A copy of 5 GiB takes minutes: a request that timed out is not sent again.
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	function := deployment.Stack{Name: stack}.Function("release")
	return &Client{
		By: aws.ToString(identity.Arn),
		Ask: func(ctx context.Context, in decision.Request) (answer decision.Answer, err error) {
			err = deployment.Invoke(ctx, client, function, in, &answer)
			return answer, err
		},
	}, nil
}

// Pages sends a request for each page of an answer, and calls take with each.
func (c *Client) Pages(ctx context.Context, in decision.Request, take func(decision.Answer)) error {
	for {
		answer, err := c.Ask(ctx, in)
		if err != nil {
			return err
		}
		take(answer)
		if in.Next = answer.Next; in.Next == "" {
			return nil
		}
	}
}

// Copies returns the copies in quarantine by one signature that were not released, and how many were.
func (c *Client) Copies(ctx context.Context, signature string) (left []decision.Copy, released int, err error) {
	request := decision.Request{Action: decision.ActionFind, Signature: signature}
	err = c.Pages(ctx, request, func(page decision.Answer) {
		for _, found := range page.Copies {
			if found.Released {
				released++
				continue
			}
			left = append(left, found)
		}
	})
	return left, released, err
}

// Result is what became of one copy.
type Result struct {
	Copy    string            `json:"copy"`             // address
	Record  *decision.Record  `json:"record,omitempty"` // nil if it was not released
	Done    bool              `json:"done,omitempty"`   // an earlier request had released it
	Verdict *decision.Verdict `json:"verdict,omitempty"`
	Error   string            `json:"error,omitempty"`
}

// parallel is how many copies are released at a time.
const parallel = 8

// ReleaseAll releases copies with the reason and the flags of a request, and waits for their verdicts if wait is set.
// What fails for one copy is in its result. progress is called with the number of copies that are done.
func (c *Client) ReleaseAll(
	ctx context.Context, in decision.Request, copies []decision.Copy, wait bool, progress func(done int),
) []Result {
	results := make([]Result, len(copies))
	var mu sync.Mutex
	done := 0
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, found := range copies {
		group.Go(func() error {
			results[i], _ = c.Release(ctx, in, found.Copy, wait) // the result has the error
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done)
			return nil
		})
	}
	_ = group.Wait() // each error is in its result
	return results
}

// Release releases the copy at an address, and waits for the verdict if wait is set. The result has the error's text.
func (c *Client) Release(ctx context.Context, in decision.Request, address string, wait bool) (Result, error) {
	result := Result{Copy: address}
	err := c.release(ctx, in, &result, wait)
	if err != nil {
		result.Error = err.Error()
	}
	return result, err
}

func (c *Client) release(ctx context.Context, in decision.Request, result *Result, wait bool) error {
	o, err := job.ParseAddress(result.Copy)
	if err != nil {
		return err
	}
	in.Action, in.Bucket, in.Key, in.VersionID, in.By = decision.ActionRelease, o.Bucket, o.Key, o.VersionID, c.By
	answer, err := c.Ask(ctx, in)
	if err != nil {
		return err
	}
	if answer.Record == nil {
		return errors.New("the function has answered without a record; it is older or newer than this command")
	}
	result.Record, result.Done = answer.Record, answer.Done
	if in.DryRun || !wait {
		return nil
	}
	result.Verdict, err = c.Wait(ctx, *answer.Record)
	if err != nil {
		return err
	}
	if result.Verdict.Verdict != string(job.Clean) {
		return fmt.Errorf("the new verdict is %s %s", result.Verdict.Verdict, result.Verdict.Detail)
	}
	return nil
}

// Wait waits until an object that was put back has a verdict. The error is an ErrNoVerdict if ctx ends before.
func (c *Client) Wait(ctx context.Context, record decision.Record) (*decision.Verdict, error) {
	o, err := job.ParseAddress(record.Object)
	if err != nil {
		return nil, fmt.Errorf("read the address of the released object: %w", err)
	}
	request := decision.Request{
		Action: decision.ActionVerdict, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, SHA256: record.SHA256,
	}
	interval := c.Interval
	if interval == 0 {
		interval = time.Second
	}
	for pause := interval; ; pause = min(pause*3/2, 5*interval) {
		answer, err := c.Ask(ctx, request)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: the scan goes on without this command", ErrNoVerdict)
		case err != nil:
			return nil, err
		case answer.Verdict != nil && answer.Verdict.Verdict != "":
			return answer.Verdict, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
