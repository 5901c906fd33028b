package history

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Read returns what Get and Events do, and searches the log once for an express execution.
func (r *Reader) Read(ctx context.Context, arn string, w Window) (Execution, []Event, error) {
	if laneOf(arn) == Express {
		events, err := r.Events(ctx, arn, w)
		if err != nil {
			return Execution{}, nil, err
		}
		return summarize(arn, events), events, nil
	}
	var x Execution
	var events []Event
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		x, err = r.Get(ctx, arn, w)
		return err
	})
	both.Go(func() (err error) {
		events, err = r.Events(ctx, arn, w)
		return err
	})
	err := both.Wait()
	return x, events, err
}

// Row returns what an execution says about its object and its verdict. A list of STANDARD executions has no inputs to
// read that from.
func (e Execution) Row() Row { return newRow(e) }
