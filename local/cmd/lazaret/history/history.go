// Package history lists, finds and reads the executions of a stack, whichever of its two state machines ran them. Step
// Functions itself keeps the executions of the STANDARD one, for 90 days. Those of the EXPRESS one are nowhere but in a
// log group of CloudWatch, which gets their events seconds late and in any order, and may lose some. Callers need not
// care: both are an Execution and its Events. All commands that look for executions use this package.
package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

var (
	// ErrNotFound says that there is no such execution.
	ErrNotFound = errors.New("no such execution")
	// ErrRefused says that the caller lacks a permission, which the message names.
	ErrRefused = errors.New("not permitted")
	// ErrNoExpress says that the stack runs no express executions: its parameter Workflow is STANDARD.
	ErrNoExpress = errors.New("the stack has no express executions (Workflow=STANDARD)")
	// ErrTooMany says that the log group has more events in a window than a list reads.
	ErrTooMany = errors.New("too many log events in this window")
)

// Lane is one of the two ways of an object: the type of the state machine that runs its execution.
type Lane string

// The lanes.
const (
	Standard Lane = "STANDARD"
	Express  Lane = "EXPRESS"
)

// Status is the state of an execution, as Step Functions names it.
type Status string

// The states of an execution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
	// Unknown is the status of an express execution that must have ended long ago, while the log has no event about it.
	Unknown Status = "UNKNOWN"
)

// Execution is one execution of either lane.
type Execution struct {
	ARN     string
	Name    string // unique in STANDARD only: a second attempt in EXPRESS has the same
	Lane    Lane
	Status  Status
	Started time.Time // zero if the log lacks that event
	Stopped time.Time // zero while it runs
	Input   string    // the job, as JSON; a list of STANDARD executions has none, Get and Find have it
	Output  string    // the job, as JSON, of an execution that succeeded
	Error   string    // of an execution that failed
	Cause   string    // the text of Error
	Trace   string    // X-Ray's trace header; of express executions it is not known
}

// deadLettered is the error of an execution that has sent a dead letter: the state Failed of
// statemachine/scan.asl.json.
const deadLettered = "DeadLettered"

// Settled reports whether the execution is the last one of its job: the job has its verdict or its dead letter. An
// express execution that ended in any other way is followed by a STANDARD one of the same name.
func (e Execution) Settled() bool {
	if e.Lane == Express {
		return e.Status == Succeeded || e.Status == Failed && e.Error == deadLettered
	}
	return e.Status != "" && e.Status != Running
}

// longestExpress is how long an express execution runs at most.
const longestExpress = 5 * time.Minute

// StepFunctions is what the package calls of Step Functions, which has the STANDARD executions.
type StepFunctions interface {
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	DescribeExecution(
		context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
	GetExecutionHistory(
		context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options),
	) (*sfn.GetExecutionHistoryOutput, error)
}

// Logs is what the package calls of CloudWatch Logs, which has the express executions.
type Logs interface {
	FilterLogEvents(
		context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// Source says where a stack's executions are.
type Source struct {
	Standard   string // ARN of the STANDARD state machine
	Express    string // ARN of the EXPRESS state machine; empty if the stack is known to have none
	ExpressLog string // name of the log group of express executions
	// FunctionLog is the name of the functions' log group, in which Query looks for verdicts and keys.
	FunctionLog string
}

// Reader reads the executions of one stack. It may be used concurrently.
type Reader struct {
	states StepFunctions
	logs   Logs
	source Source
}

// New returns a Reader. The clients are an *sfn.Client and a *cloudwatchlogs.Client.
func New(states StepFunctions, logs Logs, source Source) *Reader {
	return &Reader{states: states, logs: logs, source: source}
}

// Get returns an execution with its input and its end. The error is an ErrNotFound if there is none; an express
// execution is looked for in a window, which may be the zero Window.
func (r *Reader) Get(ctx context.Context, arn string, w Window) (Execution, error) {
	if laneOf(arn) == Standard {
		return r.describe(ctx, arn)
	}
	events, err := r.Events(ctx, arn, w)
	if err != nil {
		return Execution{}, err
	}
	return summarize(arn, events), nil
}

// Events returns the history of an execution, in its order. The error is an ErrNotFound if there is none; the events of
// an express execution are looked for in a window, which may be the zero Window.
func (r *Reader) Events(ctx context.Context, arn string, w Window) ([]Event, error) {
	if laneOf(arn) == Standard {
		h := standardHistory{arn: arn}
		return h.read(ctx, r.states)
	}
	found, err := r.search(ctx, quoted("$.execution_arn", arn), w)
	if err != nil {
		return nil, err
	}
	if len(found[arn]) == 0 {
		return nil, fmt.Errorf("%w: %s has no event of %s since %s", ErrNotFound,
			r.source.ExpressLog, arn, w.orDefault().Since.UTC().Format(time.DateTime))
	}
	return inOrder(found[arn]), nil
}

// Name returns the name in an execution's ARN, of either lane:
// arn:aws:states:<region>:<account>:execution:<machine>:<name> or arn:…:express:<machine>:<name>:<id>.
func Name(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 8 {
		return ""
	}
	return parts[7]
}

// laneOf returns the lane of the execution with this ARN.
func laneOf(arn string) Lane {
	if parts := strings.Split(arn, ":"); len(parts) > 5 && parts[5] == "express" {
		return Express
	}
	return Standard
}

// executionARN returns the beginning of the ARNs of a state machine's executions with this name, which for STANDARD is
// the whole ARN.
func executionARN(machine, kind, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":"+kind+":", 1) + ":" + name
}
