package states

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return nil, errClosed
	}
	x := s.executions[executionARN(m.ARN, in.Name)]
	if x == nil {
		if x, err = s.start(m, in.Name, input, text); err != nil {
			return nil, err
		}
	} else if !x.same(text) {
		return nil, refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", x.arn)
	}
	return map[string]any{"executionArn": x.arn, "startDate": epoch(x.started)}, nil
}

// same says whether a StartExecution with that input is this execution's twin.
// The text is compared, not the value: dispatch sends the same bytes again.
func (x *execution) same(text string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.status == running && x.text == text
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

// execution finds an execution by its ARN, whose form is checked first because
// the two errors have different types.
func (s *Service) execution(arn string) (*execution, error) {
	if !strings.HasPrefix(arn, "arn:aws:states:") || strings.Count(arn, ":") != 7 {
		return nil, refuse("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.executions[arn]
	if !ok {
		return nil, refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	return x, nil
}

// stopExecution returns when the execution has really ended: the interpreter
// never waits on anything that the interruption does not wake. One that ended
// before answers with the date of its end.
func (s *Service) stopExecution(in stopRequest) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	x.cancel(abortion{external(in.Error, in.Cause)})
	select {
	case <-x.done:
	case <-s.ctx.Done():
		return nil, errClosed
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return map[string]any{"stopDate": epoch(x.stopped)}, nil
}

func (s *Service) describeExecution(in executionRequest) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	out := x.item()
	included := map[string]any{"included": true}
	if x.history != nil {
		out["input"], out["inputDetails"] = x.text, included
	}
	if x.output != nil {
		out["output"], out["outputDetails"] = *x.output, included
	}
	if x.err != nil {
		x.err.describe(out)
	}
	return out, nil
}

// item is what lists and descriptions share. The lock is held.
func (x *execution) item() map[string]any {
	out := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.machine.ARN, "name": x.name, "status": x.status, "startDate": epoch(x.started),
	}
	if x.status != running {
		out["stopDate"] = epoch(x.stopped)
	}
	return out
}

type listExecutionsRequest struct {
	page
	StateMachineARN string `json:"stateMachineArn"`
	StatusFilter    string `json:"statusFilter"`
}

// listExecutions lists the newest first. Its token says how many older executions
// are left, which new ones do not change.
func (s *Service) listExecutions(in listExecutionsRequest) (any, error) {
	if in.StatusFilter != "" && !slices.Contains([]string{running, succeeded, failed, timedOut, aborted}, in.StatusFilter) {
		return nil, refuse("ValidationException", "1 validation error detected: Value '%s' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set", in.StatusFilter)
	}
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	all := slices.Clone(m.executions)
	s.mu.Unlock()
	size, older, err := in.read(len(all), len(all))
	if err != nil {
		return nil, err
	}
	items := []any{}
	out := map[string]any{}
	for _, x := range slices.Backward(all[:older]) {
		x.mu.Lock()
		item := x.item()
		x.mu.Unlock()
		if in.StatusFilter != "" && item["status"] != in.StatusFilter {
			continue
		}
		if len(items) == size {
			out["nextToken"] = strconv.Itoa(x.number + 1)
			break
		}
		items = append(items, item)
	}
	out["executions"] = items
	return out, nil
}

type historyRequest struct {
	page
	executionRequest
	ReverseOrder bool `json:"reverseOrder"`
}

// getExecutionHistory may be asked while the execution runs; a token is then a
// position in a history that only grows, unless it is read backwards.
func (s *Service) getExecutionHistory(in historyRequest) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	events := slices.Clone(x.history)
	x.mu.Unlock()
	if events == nil {
		return nil, refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s' (its history is no longer kept)", in.ExecutionARN)
	}
	if in.ReverseOrder {
		slices.Reverse(events)
	}
	size, from, err := in.read(0, len(events))
	if err != nil {
		return nil, err
	}
	items := []any{}
	to := min(from+size, len(events))
	for _, e := range events[from:to] {
		items = append(items, e.json())
	}
	out := map[string]any{"events": items}
	if to < len(events) {
		out["nextToken"] = strconv.Itoa(to)
	}
	return out, nil
}
