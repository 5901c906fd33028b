package step

import (
	"errors"
	"slices"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

// movingStates are the states that look for the copy of an earlier attempt if the object is gone.
var movingStates = []string{"quarantine", "promote"}

// countGone counts an object that is gone in the last state that looks for it: in a moving state, or
// in any state if the verdict moves nothing. Without a verdict, Quarantine looks for it last: an EXPRESS
// execution may have moved it and died. So each object is counted once, whether its execution ends in
// Gone or announces it.
func countGone(e *metric.Emitter, state string, j job.Job, err error) error {
	gone := errors.Is(err, job.ErrObjectGone) || errors.Is(err, job.ErrObjectChanged)
	if !gone || (j.Scan == nil || j.Moves()) && !slices.Contains(movingStates, state) {
		return nil
	}
	return e.Emit(map[string]string{"Cause": job.Name(err)},
		metric.Value{Name: metric.Gone, Unit: metric.Count, Value: 1})
}
