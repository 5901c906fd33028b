package states

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"
)

type startRequest struct {
	StateMachineARN string  `json:"stateMachineArn"`
	Name            string  `json:"name"`
	Input           *string `json:"input"`
}

// startExecution is idempotent for a running execution with the same input. A
// name stays taken after its execution ended.
func (s *Service) startExecution(in startRequest) (any, error) {
	text := "{}"
	if in.Input != nil {
		text = *in.Input
	}
	if len(text) > maxPayload {
		return nil, refuse("ValidationException", "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to %d", maxPayload)
	}
	input, err := decode([]byte(text))
	if err != nil {
		return nil, refuse("InvalidExecutionInput", "Invalid State Machine Execution Input: '%v'", err)
	}
	if in.Name == "" {
		in.Name = uuid.NewString()
	}
	if !validName(in.Name) {
		return nil, refuse("InvalidName", "Invalid Name: '%s'", in.Name)
	}
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	x, err := s.start(m, in.Name, input, text)
	if err != nil {
		return nil, err
	}
	<-x.begun
	return map[string]any{"executionArn": x.arn, "startDate": epoch(x.started)}, x.err
}

// start runs a new execution, or returns the one of that name that runs with the
// same input. The text is compared, not the value: dispatch sends the same bytes
// again.
func (s *Service) start(m *machine, name string, input any, text string) (*execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return nil, errClosed
	}
	if x := s.running[executionARN(m.ARN, name)]; x != nil && x.text == text {
		return x, nil
	} else if x != nil {
		return nil, alreadyExists(x.arn)
	}
	x := s.newExecution(m, record{Name: name, Started: now()})
	x.input, x.text, x.from = input, text, position{state: m.definition.StartAt, value: input, text: text}
	s.work.Go(x.run)
	return x, nil
}

func alreadyExists(arn string) error {
	return refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", arn)
}

// validName holds the rules that StartExecution's reference gives for names.
func validName(name string) bool {
	if n := utf8.RuneCountInString(name); n < 1 || n > 80 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r)
	})
}

func executionARN(machineARN, name string) string {
	return strings.Replace(machineARN, ":stateMachine:", ":execution:", 1) + ":" + name
}

type executionRequest struct {
	ExecutionARN string `json:"executionArn"`
}

type stopRequest struct {
	executionRequest
	Error string `json:"error"`
	Cause string `json:"cause"`
}

// stopExecution returns when the execution has really ended: the interpreter
// never waits on anything that the interruption does not wake. One that ended
// before answers with the date of its end.
func (s *Service) stopExecution(in stopRequest) (any, error) {
	s.mu.Lock()
	x := s.running[in.ExecutionARN]
	s.mu.Unlock()
	if x != nil {
		x.cancel(abortion{external(in.Error, in.Cause)})
		select {
		case <-x.done:
		case <-s.ctx.Done():
			return nil, errClosed
		}
	}
	var out map[string]any
	return &out, s.look(in.ExecutionARN, func(f found) error {
		out = map[string]any{"stopDate": epoch(f.Stopped)}
		return nil
	})
}

func (s *Service) describeExecution(in executionRequest) (any, error) {
	var out map[string]any
	included := map[string]any{"included": true}
	return &out, s.look(in.ExecutionARN, func(f found) error {
		first, err := f.first()
		if err != nil {
			return err
		}
		out = f.item()
		out["input"], out["inputDetails"] = first.text("input"), included
		if f.Status == running {
			return nil
		}
		last, err := f.last()
		maps.Copy(out, last.Details)
		if f.Status == succeeded {
			out["outputDetails"] = included
		}
		return err
	})
}

// item is what lists and descriptions share.
func (f found) item() map[string]any {
	out := map[string]any{
		"executionArn": executionARN(f.machine.ARN, f.Name), "stateMachineArn": f.machine.ARN, "name": f.Name, "status": f.Status, "startDate": epoch(f.Started),
	}
	if f.Status != running {
		out["stopDate"] = epoch(f.Stopped)
	}
	return out
}

type listExecutionsRequest struct {
	page
	StateMachineARN string `json:"stateMachineArn"`
	StatusFilter    string `json:"statusFilter"`
}

// listExecutions lists the newest first. Its token is the number of the next one,
// which executions that start meanwhile do not change.
func (s *Service) listExecutions(in listExecutionsRequest) (any, error) {
	if in.StatusFilter != "" && !slices.Contains(statuses, in.StatusFilter) {
		return nil, refuse("ValidationException", "1 validation error detected: Value '%s' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set", in.StatusFilter)
	}
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return &out, s.config.Store.View(func(tx *bbolt.Tx) error {
		a := m.archive(tx)
		newest := int(a.executions.Sequence())
		size, at, err := in.read(newest, newest)
		if err != nil {
			return err
		}
		items := []any{}
		out = map[string]any{}
		c := a.Bucket.Bucket([]byte(cmp.Or(in.StatusFilter, string(executionsKey)))).Cursor()
		for k, _ := before(c, key(uint64(at))); k != nil; k, _ = c.Prev() {
			f, err := a.get(binary.BigEndian.Uint64(k))
			if err != nil {
				return err
			}
			if len(items) == size {
				out["nextToken"] = strconv.FormatUint(f.number, 10)
				break
			}
			items = append(items, f.item())
		}
		out["executions"] = items
		return nil
	})
}

type historyRequest struct {
	page
	executionRequest
	ReverseOrder bool `json:"reverseOrder"`
}

// getExecutionHistory may be asked while the execution runs. Its token is the id
// of the next event.
func (s *Service) getExecutionHistory(in historyRequest) (any, error) {
	var out map[string]any
	return &out, s.look(in.ExecutionARN, func(f found) error {
		last, err := f.last()
		if err != nil {
			return err
		}
		start := 1
		if in.ReverseOrder {
			start = int(last.ID)
		}
		size, from, err := in.read(start, int(last.ID))
		if err != nil {
			return err
		}
		items := []any{}
		out = map[string]any{}
		for e, err := range f.events(int64(from), in.ReverseOrder) {
			if err != nil {
				return err
			}
			if len(items) == size {
				out["nextToken"] = strconv.FormatInt(e.ID, 10)
				break
			}
			items = append(items, e.json())
		}
		out["events"] = items
		return nil
	})
}
