package states

import (
	"cmp"
	"encoding/binary"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

// maxRequest is more than the largest request, an input of 256 KiB escaped twice.
const maxRequest = 4 << 20

func (s *Service) api() http.Handler {
	return api.JSON{
		Version: "1.0", Target: "AWSStepFunctions.", Shapes: "com.amazonaws.swf.service.v2.model#",
		Failure: "InternalServerError", MaxBody: maxRequest,
		Operations: map[string]api.Operation{
			"StartExecution":       operation(s.startExecution),
			"StartSyncExecution":   api.Decoded(s.startSyncExecution),
			"StopExecution":        operation(s.stopExecution),
			"DescribeExecution":    operation(s.describeExecution),
			"ListExecutions":       operation(s.listExecutions),
			"GetExecutionHistory":  operation(s.getExecutionHistory),
			"DescribeStateMachine": operation(s.describeStateMachine),

			"DescribeStateMachineForExecution": operation(s.describeStateMachineForExecution),
		},
	}
}

func operation[In any](run func(In) (any, error)) api.Operation {
	return api.Decoded(func(_ *http.Request, in In) (any, error) { return run(in) })
}

// request has the members that requests share.
type request struct {
	StateMachineARN string `json:"stateMachineArn"`
	ExecutionARN    string `json:"executionArn"`
	MaxResults      int    `json:"maxResults"`
	NextToken       string `json:"nextToken"` // a position in the list
}

// page returns how many items are asked for and from which position, which is start without a token and at most n.
func (in request) page(start, n int) (size, at int, err error) {
	if in.MaxResults < 0 || in.MaxResults > 1000 {
		return 0, 0, invalid("Value '%d' at 'maxResults'", "have value between 0 and 1000", in.MaxResults)
	}
	size, at = cmp.Or(in.MaxResults, 100), start
	if in.NextToken != "" {
		if at, err = strconv.Atoi(in.NextToken); err != nil || at < 0 || at > n {
			return 0, 0, api.Refuse("InvalidToken", "Invalid Token: 'Invalid token'")
		}
	}
	return size, at, nil
}

// invalid refuses a value that does not satisfy a constraint.
func invalid(value, constraint string, args ...any) error {
	return api.Refuse("ValidationException",
		"1 validation error detected: "+value+" failed to satisfy constraint: Member must "+constraint, args...)
}

func (s *Service) machine(arn string) (*machine, error) {
	if !strings.HasPrefix(arn, "arn:aws:states:") || strings.Count(arn, ":") != 6 {
		return nil, api.Refuse("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	for _, m := range s.machines {
		if m.ARN == arn {
			return m, nil
		}
	}
	return nil, api.Refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

func (s *Service) describeStateMachine(in request) (any, error) {
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	kind := "STANDARD"
	if m.Express {
		kind = "EXPRESS"
	}
	return map[string]any{
		"stateMachineArn": m.ARN, "name": m.Name, "type": kind, "status": "ACTIVE", "creationDate": epoch(m.created),
		"roleArn": m.RoleARN, "definition": string(m.Definition), "loggingConfiguration": m.logging(),
	}, nil
}

// describeStateMachineForExecution answers with the definition that the machine has now. On AWS it is the one of the
// time when the execution started; here an execution that is older than the running stack goes on with the new one.
func (s *Service) describeStateMachineForExecution(in request) (any, error) {
	var out map[string]any
	return &out, s.look(in.ExecutionARN, func(f found) error {
		m := f.machine
		out = map[string]any{
			"stateMachineArn": m.ARN, "name": m.Name, "updateDate": epoch(m.created), "roleArn": m.RoleARN,
			"definition": string(m.Definition), "loggingConfiguration": m.logging(),
		}
		return nil
	})
}

// logging describes where the events of a machine's executions are.
func (m *machine) logging() map[string]any {
	if m.LogGroup == "" {
		return map[string]any{"level": "OFF", "includeExecutionData": false}
	}
	group := map[string]string{"logGroupArn": template.ARN("logs", "log-group:"+m.LogGroup+":*")}
	return map[string]any{
		"level": "ALL", "includeExecutionData": true,
		"destinations": []any{map[string]any{"cloudWatchLogsLogGroup": group}},
	}
}

type startRequest struct {
	request
	Name  string  `json:"name"`
	Input *string `json:"input"`
}

// startExecution returns the running execution of the same name with the same input. A name stays taken after its
// execution ended. Names of Express executions are free at any time.
func (s *Service) startExecution(in startRequest) (any, error) {
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	x, err := s.start(m, in)
	if err != nil {
		return nil, err
	}
	<-x.begun
	return map[string]any{"executionArn": x.arn, "startDate": epoch(x.started)}, x.err
}

// start checks a request, and runs a new execution or returns the running one. It compares the text of the inputs and
// not their values: dispatch sends the same bytes again.
func (s *Service) start(m *machine, in startRequest) (*execution, error) {
	text := "{}"
	if in.Input != nil {
		text = *in.Input
	}
	if len(text) > maxPayload {
		return nil, invalid("Value at 'input'", "have length less than or equal to %d", maxPayload)
	}
	input, err := decode([]byte(text))
	if err != nil {
		return nil, api.Refuse("InvalidExecutionInput", "Invalid State Machine Execution Input: '%v'", err)
	}
	if in.Name == "" {
		in.Name = uuid.NewString()
	}
	if !validName(in.Name) {
		return nil, api.Refuse("InvalidName", "Invalid Name: '%s'", in.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return nil, errClosed
	}
	if x := s.running[executionARN(m.ARN, in.Name)]; x != nil && x.text == text {
		return x, nil
	} else if x != nil {
		return nil, alreadyExists(x.arn)
	}
	x := s.newExecution(m, record{Name: in.Name, Started: s.now(in.Name)})
	x.text, x.from = text, position{state: m.definition.StartAt, value: input, text: text}
	s.work.Go(x.run)
	return x, nil
}

func alreadyExists(arn string) error {
	return api.Refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", arn)
}

// validName holds the rules that StartExecution's reference has for names.
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

type stopRequest struct {
	request
	Error string `json:"error"`
	Cause string `json:"cause"`
}

// stopExecution returns when the execution has ended.
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

func (s *Service) describeExecution(in request) (any, error) {
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
		"executionArn":    executionARN(f.machine.ARN, f.Name),
		"stateMachineArn": f.machine.ARN,
		"name":            f.Name,
		"status":          f.Status,
		"startDate":       epoch(f.Started),
	}
	if f.Status != running {
		out["stopDate"] = epoch(f.Stopped)
	}
	return out
}

type listRequest struct {
	request
	StatusFilter string `json:"statusFilter"`
}

// listExecutions lists the newest first. Its token is the number of the next execution, which those that start later do
// not change.
func (s *Service) listExecutions(in listRequest) (any, error) {
	if in.StatusFilter != "" && !slices.Contains(statuses, in.StatusFilter) {
		return nil, invalid("Value '%s' at 'statusFilter'", "satisfy enum value set", in.StatusFilter)
	}
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	if m.Express {
		return nil, errOtherType
	}
	var out map[string]any
	return &out, s.config.Store.View(func(tx *bbolt.Tx) error {
		a := m.archive(tx)
		newest := int(a.executions.Sequence())
		size, at, err := in.page(newest, newest)
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
	request
	ReverseOrder bool `json:"reverseOrder"`
}

// getExecutionHistory may be asked while the execution runs. Its token is the id of the next event.
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
		size, from, err := in.page(start, int(last.ID))
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
