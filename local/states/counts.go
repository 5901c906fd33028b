package states

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/metrics"
)

// longestRun is more than an execution of Lazaret lasts. Ends are counted of those that started within it.
const longestRun = 7 * 24 * time.Hour

// statusOfMetric says which executions a metric of AWS/States counts; any for ExecutionsStarted.
var statusOfMetric = map[string]string{
	"ExecutionsStarted":   "",
	"ExecutionsSucceeded": succeeded,
	"ExecutionsFailed":    failed,
	"ExecutionsTimedOut":  timedOut,
	"ExecutionsAborted":   aborted,
}

// Count returns a metric of AWS/States about a machine in [from, until): how many STANDARD executions have started, or
// have ended in one way. A machine or metric that there is not has none; neither has an EXPRESS machine, whose log says
// it.
func (s *Service) Count(machineARN, metric string, from, until time.Time) (metrics.Minutes, error) {
	m, err := s.machine(machineARN)
	status, known := statusOfMetric[metric]
	if err != nil || !known || m.Express {
		return nil, nil
	}
	found := metrics.Minutes{}
	return found, s.config.Store.View(func(tx *bbolt.Tx) error {
		a := m.archive(tx)
		bucket := a.executions
		if status != "" {
			bucket = a.Bucket.Bucket([]byte(status))
		}
		c := bucket.Cursor()
		for key, _ := c.Last(); key != nil; key, _ = c.Prev() {
			f, err := a.get(binary.BigEndian.Uint64(key))
			if err != nil {
				return err
			}
			at, first := f.Started, from
			if status != "" {
				at, first = f.Stopped, from.Add(-longestRun)
			}
			if f.Started.Before(first) {
				return nil
			}
			if !at.Before(from) && at.Before(until) {
				found.Add(at, metrics.One(1))
			}
		}
		return nil
	})
}
