package states

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/api"
)

// expressLimit is how long an Express execution may take:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const expressLimit = 5 * time.Minute

// errOtherType is the answer to an operation of the other type of machine, as AWS gives it.
var errOtherType = api.Refuse("StateMachineTypeNotSupported",
	"This operation is not supported by this type of state machine")

// expressARN returns the ARN of a new Express execution. Executions of one name differ in its last part.
func expressARN(machineARN, name string) string {
	return strings.Replace(machineARN, ":stateMachine:", ":express:", 1) + ":" + name + ":" + uuid.NewString()
}

// startSyncExecution returns when the execution has ended. The execution goes on when the caller has gone.
func (s *Service) startSyncExecution(r *http.Request, in startRequest) (any, error) {
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	if !m.Express {
		return nil, errOtherType
	}
	x, err := s.start(m, in)
	if err != nil {
		return nil, err
	}
	select {
	case <-x.done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if x.Status == "" {
		return nil, errClosed
	}
	return x.answer(), nil
}

// answer is what StartSyncExecution answers, with the members that AWS gives it beside those in its reference.
func (x *execution) answer() map[string]any {
	// An execution is billed for each 100 ms, and for 64 MB.
	billed := int64(math.Ceil(float64(max(x.Stopped.Sub(x.Started).Milliseconds(), 1))/100)) * 100
	included := map[string]any{"included": true}
	out := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.machine.ARN, "name": x.name, "status": x.Status,
		"startDate": epoch(x.Started), "stopDate": epoch(x.Stopped), "input": x.text, "inputDetails": included,
		"outputDetails":  included,
		"billingDetails": map[string]any{"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed},
	}
	for _, member := range []string{"output", "error", "cause"} {
		if text, ok := x.final[member]; ok {
			out[member] = text
		}
	}
	return out
}

// endExpress writes the last events, and tells of the end.
func (x *execution) endExpress() {
	x.publish()
	if x.service.config.ExpressEnded != nil {
		x.service.config.ExpressEnded(x.detail(x.ending.record, x.final))
	}
}

// publish writes the pending events of an Express execution to its log. As on AWS, no execution waits for its log.
func (x *execution) publish() {
	events := x.pending
	x.pending = nil
	if !x.machine.Express || x.machine.LogGroup == "" || x.service.config.Log == nil || len(events) == 0 {
		return
	}
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.line(x.arn)
	}
	if err := x.service.config.Log(x.machine.LogGroup, lines...); err != nil && x.service.mayWarn() {
		slog.Warn("events of Express executions are lost", "logGroup", x.machine.LogGroup, "error", err)
	}
}

// longest is how many bytes the log shows of an input or output: of a longer one, 248 KB.
const longest = 248_000

// line is an event as Step Functions writes it to a log group, where all numbers are texts:
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
func (e event) line(executionARN string) string {
	d := make(details, len(e.Details))
	for member, value := range e.Details {
		if text, ok := value.(string); ok && len(text) > longest {
			d[member+"Details"] = map[string]any{"truncated": true}
			value = strings.ToValidUTF8(text[:longest], "")
		}
		if _, cut := d[member]; !cut {
			d[member] = value
		}
	}
	return encode(struct {
		ID        string  `json:"id"`
		Type      string  `json:"type"`
		Details   details `json:"details"`
		Previous  string  `json:"previous_event_id"`
		At        string  `json:"event_timestamp"` // Unix time in ms
		Execution string  `json:"execution_arn"`
		Redrives  string  `json:"redrive_count"`
	}{
		strconv.FormatInt(e.ID, 10), e.Type, d, strconv.FormatInt(e.Previous, 10),
		strconv.FormatInt(e.At.UnixMilli(), 10), executionARN, "0",
	})
}

// allowance is the time that an Express execution has left. Scale makes the waits before a Retry shorter, and nothing
// else. So the allowance loses the whole wait, and an execution times out at the same Retry at every scale. A nil
// allowance is without end.
type allowance struct {
	end   time.Time
	timer *time.Timer
}

// newAllowance cancels the execution at its end. timeout is the machine's own, or zero.
func (x *execution) newAllowance(timeout time.Duration) *allowance {
	limit := expressLimit
	if timeout > 0 {
		limit = min(limit, timeout)
	}
	return &allowance{
		end:   time.Now().Add(limit),
		timer: time.AfterFunc(limit, func() { x.cancel(errMachineTimeout) }),
	}
}

func (a *allowance) left() time.Duration {
	if a == nil {
		return math.MaxInt64
	}
	return max(time.Until(a.end), 0)
}

func (a *allowance) shorten(by time.Duration) {
	if a != nil && by > 0 && a.timer.Stop() { // it has not ended
		a.end = a.end.Add(-by)
		a.timer.Reset(time.Until(a.end))
	}
}

func (a *allowance) stop() { a.timer.Stop() }
