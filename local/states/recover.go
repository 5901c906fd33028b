package states

import (
	"context"
	"encoding/json"
	"fmt"
)

// goOn goes on with the executions that the journal knows, as Step Functions
// would after a failure of a machine of its own: each at the state in which it
// was, whose task is invoked again. Their histories begin anew. Those that ended
// keep their names, dates and status.
func (s *Service) goOn() (err error) {
	if s.journal, err = openJournal(s.config.Journal); err != nil {
		return err
	}
	var running []*execution
	for _, e := range s.journal.all() {
		m, err := s.machine(e.Machine)
		if err != nil {
			continue // the application has it no more
		}
		if !e.Stopped.IsZero() {
			s.remember(m, e)
			continue
		}
		x, err := s.resume(m, e)
		if err != nil {
			return fmt.Errorf("go on with execution %s: %w", e.ARN, err)
		}
		running = append(running, x)
	}
	for _, x := range running {
		s.begin(x)
	}
	return nil
}

// resume makes an execution that goes on from the state that comes next or, where the machine no longer
// has a state of that name, from the first one.
func (s *Service) resume(m *machine, e entry) (*execution, error) {
	input, err := decode([]byte(e.Input))
	if err != nil {
		return nil, err
	}
	from := position{state: m.definition.StartAt, value: input, text: e.Input}
	if m.definition.states[e.Next] != nil {
		from = position{state: e.Next, text: string(e.Value)}
		if from.value, err = decode(e.Value); err != nil {
			return nil, err
		}
	}
	x := s.newExecution(m, e.Name, input, e.Input, from)
	x.started = e.Started
	return x, nil
}

// remember keeps the name of an execution that ended.
func (s *Service) remember(m *machine, e entry) {
	x := s.newExecution(m, e.Name, nil, "", position{})
	x.started, x.stopped, x.status = e.Started, e.Stopped, e.Status
	x.cancel(context.Canceled)
	close(x.done)
}

// keep writes where the execution stands.
func (x *execution) keep(p position) {
	_ = x.service.journal.put(entry{ARN: x.arn, Next: p.state, Value: json.RawMessage(p.text)}) // the journal keeps the error
}
