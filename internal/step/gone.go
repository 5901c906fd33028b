package step

import (
	"errors"
	"slices"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

// movers are the states that look for a copy where the object is gone.
var movers = []string{"quarantine", "promote"}

// countGone counts an object that is gone, by the state that is the last to look
// for it: a mover, or any state where the verdict moves nothing. So it is counted
// once, whether its execution ends in Gone or announces it.
func countGone(e *metric.Emitter, state string, j job.Job, err error) error {
	gone := errors.Is(err, job.ErrObjectGone) || errors.Is(err, job.ErrObjectChanged)
	if !gone || j.Moves() && !slices.Contains(movers, state) {
		return nil
	}
	return e.Emit(map[string]string{"Cause": job.Name(err)}, metric.Value{Name: metric.Gone, Unit: metric.Count, Value: 1})
}
