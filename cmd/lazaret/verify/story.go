package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
)

// story is what an execution's history tells.
type story struct {
	arn     string
	began   time.Time
	visits  []visit
	status  types.ExecutionStatus
	job     job.Job // its output, or what entered DeadLetter
	trace   string  // X-Ray's header, "" when there is none
	problem string  // why there is no end, in words
	err     error   // of asking
}

// visit is one stay in a state.
type visit struct {
	state       string
	input       string
	began, left time.Time
	done        bool     // its task ended well
	errors      []string // of attempts at its task
}

// failed is what went wrong in the state that was visited last before the dead letter.
func (s story) failed() string {
	if s.job.Error != nil {
		for _, v := range s.visits {
			if len(v.errors) > 0 && !v.done {
				return v.state + ": " + brief(s.job.Error.Error+": "+job.Message(s.job.Error.Cause))
			}
		}
		return brief(s.job.Error.Error + ": " + job.Message(s.job.Error.Cause))
	}
	return string(s.status)
}

// retries counts the attempts that failed before one went well.
func (s story) retries() (n int, first string) {
	for _, v := range s.visits {
		for _, e := range v.errors {
			if n++; first == "" {
				first = v.state + " " + e
			}
		}
	}
	return n, first
}

// execution is the ARN of the execution that an upload's event starts.
func (r *run) execution(o job.Object) string {
	machine := r.stack.Outputs["StateMachineArn"]
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + job.Job{Object: o}.ExecutionName()
}

// follow waits for the end of an object's execution. Once one of them got stuck,
// it waits no longer for others than a moment.
func (r *run) follow(ctx context.Context, p *probe) story {
	s := story{arn: r.execution(p.object)}
	const soon, late = 20 * time.Millisecond, time.Second
	looked := time.Now()
	for pause := soon; ; pause = min(pause*3/2, late) {
		out, err := r.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &s.arn})
		_, absent := errors.AsType[*types.ExecutionDoesNotExist](err)
		switch {
		case absent && time.Since(p.at) > r.patience():
			s.problem = fmt.Sprintf("no execution was started within %s: %s", r.patience(), r.waiting(ctx))
			r.stuck.Store(true)
			return s
		case absent:
		case err != nil:
			if s.err = err; ctx.Err() != nil && s.problem == "" {
				s.problem = "no execution was started in the time there was: " + r.waiting(context.WithoutCancel(ctx))
			}
			return s
		case out.Status != types.ExecutionStatusRunning:
			s.trace = aws.ToString(out.TraceHeader)
			s.err = r.history(ctx, &s)
			return s
		default:
			s.problem = "its execution runs for " + time.Since(p.at).Round(time.Second).String()
			if time.Since(looked) > 3*time.Second || r.stuck.Load() {
				looked = time.Now()
				if r.hopeless(ctx, &s) {
					r.stuck.Store(true)
					return s
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (r *run) patience() time.Duration {
	if r.stuck.Load() {
		return min(r.StartWithin, 5*time.Second)
	}
	return r.StartWithin
}

// hopeless reports whether a running execution waits for what this run does not
// wait for: the machine asks for definitions again after minutes, for hours.
func (r *run) hopeless(ctx context.Context, s *story) bool {
	so := story{arn: s.arn}
	if r.history(ctx, &so) != nil || len(so.visits) == 0 {
		return false
	}
	last := so.visits[len(so.visits)-1]
	s.began, s.visits, s.problem = so.began, so.visits, fmt.Sprintf("its execution is still in %s", last.state)
	if len(last.errors) == 0 {
		return false
	}
	s.problem += ", which failed " + times(len(last.errors)) + ": " + last.errors[len(last.errors)-1]
	return strings.HasPrefix(last.errors[len(last.errors)-1], job.Name(job.ErrDefinitionsNotReady))
}

// waiting says where uploads are that nothing starts.
func (r *run) waiting(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := r.stack.Outputs["UploadQueueUrl"]
	const visible = sqstypes.QueueAttributeNameApproximateNumberOfMessages
	const hidden = sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := r.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{visible, hidden},
	})
	if err != nil {
		return fmt.Sprintf("%s could not be looked at: %v", queue(url), err)
	}
	return fmt.Sprintf("in %s %s messages wait and %s are being handled by %s",
		queue(url), out.Attributes[string(visible)], out.Attributes[string(hidden)], r.stack.function("dispatch"))
}

// history reads what happened in an execution.
func (r *run) history(ctx context.Context, s *story) error {
	s.visits = nil
	pages := sfn.NewGetExecutionHistoryPaginator(
		r.sfn,
		&sfn.GetExecutionHistoryInput{ExecutionArn: &s.arn, MaxResults: 1000},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			s.take(e)
		}
	}
	return nil
}

func (s *story) take(e types.HistoryEvent) {
	at := aws.ToTime(e.Timestamp)
	if s.began.IsZero() {
		s.began = at
	}
	if n := len(s.visits); n > 0 {
		s.visits[n-1].left = at
	}
	if d := e.StateEnteredEventDetails; d != nil {
		s.visits = append(
			s.visits,
			visit{state: aws.ToString(d.Name), input: aws.ToString(d.Input), began: at, left: at},
		)
		if aws.ToString(d.Name) == "DeadLetter" {
			_ = json.Unmarshal([]byte(aws.ToString(d.Input)), &s.job) // what is not there is not told
		}
		return
	}
	if len(s.visits) > 0 {
		v := &s.visits[len(s.visits)-1]
		if name, cause, ok := attempt(e); ok {
			v.errors = append(v.errors, brief(name+": "+job.Message(cause)))
		}
		v.done = v.done || e.Type == types.HistoryEventTypeTaskSucceeded
	}
	switch e.Type {
	case types.HistoryEventTypeExecutionSucceeded:
		s.status = types.ExecutionStatusSucceeded
		_ = json.Unmarshal([]byte(aws.ToString(e.ExecutionSucceededEventDetails.Output)), &s.job) // no verdict then
	case types.HistoryEventTypeExecutionFailed:
		s.status = types.ExecutionStatusFailed
	case types.HistoryEventTypeExecutionTimedOut:
		s.status = types.ExecutionStatusTimedOut
	case types.HistoryEventTypeExecutionAborted:
		s.status = types.ExecutionStatusAborted
	}
}

// attempt is the error of a failed attempt at a task.
func attempt(e types.HistoryEvent) (name, cause string, ok bool) {
	switch {
	case e.TaskFailedEventDetails != nil:
		return aws.ToString(e.TaskFailedEventDetails.Error), aws.ToString(e.TaskFailedEventDetails.Cause), true
	case e.TaskTimedOutEventDetails != nil:
		return aws.ToString(e.TaskTimedOutEventDetails.Error), aws.ToString(e.TaskTimedOutEventDetails.Cause), true
	case e.TaskStartFailedEventDetails != nil:
		return aws.ToString(
				e.TaskStartFailedEventDetails.Error,
			), aws.ToString(
				e.TaskStartFailedEventDetails.Cause,
			), true
	case e.TaskSubmitFailedEventDetails != nil:
		return aws.ToString(
				e.TaskSubmitFailedEventDetails.Error,
			), aws.ToString(
				e.TaskSubmitFailedEventDetails.Cause,
			), true
	}
	return "", "", false
}

// brief is text of others on one line, not too long.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 240 {
		s = string(r[:239]) + "…"
	}
	return strings.TrimSuffix(s, ":")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
