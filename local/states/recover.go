package states

import (
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// goOn goes on with the executions that the store has as running. Each goes on at the state in which it was, whose task
// is invoked again.
func (s *Service) goOn() error {
	var all []*execution
	for _, m := range s.machines {
		if m.Express {
			continue // its executions end with the service
		}
		if err := s.config.Store.Update(m.createArchive); err != nil {
			return fmt.Errorf("keep executions of %s: %w", m.Name, err)
		}
		err := s.config.Store.View(func(tx *bbolt.Tx) error {
			a := m.archive(tx)
			return a.Bucket.Bucket([]byte(running)).ForEach(func(k, _ []byte) error {
				f, err := a.get(binary.BigEndian.Uint64(k))
				if err != nil {
					return err
				}
				x, err := s.resume(f)
				if err != nil {
					return fmt.Errorf("go on with execution %s: %w", f.Name, err)
				}
				all = append(all, x)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	for _, x := range all {
		s.work.Go(x.run)
	}
	return nil
}

// resume makes an execution that goes on where its history ends: in the state that was entered last or, when the
// machine no longer has a state of that name, before the first one.
func (s *Service) resume(f found) (*execution, error) {
	x := s.newExecution(f.machine, f.record)
	x.number = f.number
	first, err := f.first()
	if err != nil {
		return nil, err
	}
	x.text = first.text("input")
	input, err := decode([]byte(x.text))
	if err != nil {
		return nil, err
	}
	last, err := f.last()
	if err != nil {
		return nil, err
	}
	if x.count = last.ID; x.count > 1 { // as record has it
		x.last = last.ID
	}
	x.from = position{state: f.machine.definition.StartAt, value: input, text: x.text}
	for e, err := range f.events(last.ID, true) {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(e.Type, "StateEntered") {
			continue
		}
		if f.machine.definition.states[e.text("name")] == nil {
			break
		}
		x.from = position{state: e.text("name"), text: e.text("input"), entered: e.ID}
		if output := last.text("output"); last.Type == "TaskSucceeded" {
			x.from.result = &output
		}
		x.from.value, err = decode([]byte(x.from.text))
		return x, err
	}
	return x, nil
}
