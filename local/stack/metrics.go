package stack

import (
	"path/filepath"
	"time"

	"github.com/lazaret/lazaret/local/metrics"
	"github.com/lazaret/lazaret/local/template"
)

// metricLogs returns the metrics in the logs in a folder: those of the functions, and those that AWS counts of EXPRESS
// executions.
func metricLogs(app *template.Application, dir string) []*metrics.Log {
	all := []*metrics.Log{metrics.NewLog(filepath.Join(dir, "*.log"), metrics.Embedded)}
	for _, m := range app.Machines {
		if m.Express && m.LogGroup != "" {
			all = append(all, metrics.NewLog(machineLog(app, m, machineLogs(dir)), metrics.ExpressEvents(m.ARN)))
		}
	}
	return all
}

// metricValues returns the values of a metric: what CloudWatch gets from SQS and Step Functions, or from the logs.
func (all services) metricValues(s metrics.Series, from, until time.Time) (metrics.Minutes, error) {
	queue, ofQueue := s.Dimensions["QueueName"]
	machine, ofMachine := s.Dimensions["StateMachineArn"]
	single := len(s.Dimensions) == 1
	switch {
	case s.Namespace == "AWS/SQS" && single && ofQueue && s.Name == "NumberOfMessagesSent":
		return all.queues.Sent(queue, from, until)
	case s.Namespace == "AWS/States" && single && ofMachine:
		found, err := all.machines.Count(machine, s.Name, from, until)
		if found != nil || err != nil {
			return found, err
		}
	}
	found := metrics.Minutes{}
	for _, log := range all.metrics {
		minutes, err := log.Values(s, from, until)
		if err != nil {
			return nil, err
		}
		for minute, v := range minutes {
			found[minute] = found[minute].Add(v)
		}
	}
	return found, nil
}
