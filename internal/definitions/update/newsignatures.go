package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// listTime is how long the search for new signatures may take. With the official definitions it takes
// about ten seconds of a core.
const listTime = 2 * time.Minute

// listNewSignatures writes the list of new signatures into the staged folder: those that the current
// generation, with which scans work until now, does not have. The first generation has none.
//
// Definitions are published without a list rather than not at all: without one, all signatures count as
// known. So a failure is a warning, except that of the staging disk or the end of the run.
func (u *Updater) listNewSignatures(
	ctx context.Context, store *definitions.Store, stage string, s *Status,
) error {
	current, err := store.Current()
	if errors.Is(err, definitions.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	until := time.Now().Add(listTime)
	if end, ok := ctx.Deadline(); ok && end.Add(-publishTime/2).Before(until) {
		until = end.Add(-publishTime / 2)
	}
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	list, err := signatures.Compare(limited, current.Dir, stage, time.Now())
	switch {
	case err == nil:
		return list.Write(stage)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	s.warn(fmt.Errorf("no signature of the new definitions counts as new: %w", err))
	return nil
}
