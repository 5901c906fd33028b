package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/excerpt"
	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/permit"
)

// stepFunctions is what dispatch calls of AWS Step Functions.
type stepFunctions interface {
	StartExecution(
		context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options),
	) (*sfn.StartExecutionOutput, error)
	StartSyncExecution(
		context.Context, *sfn.StartSyncExecutionInput, ...func(*sfn.Options),
	) (*sfn.StartSyncExecutionOutput, error)
	ListExecutions(
		context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options),
	) (*sfn.ListExecutionsOutput, error)
	GetExecutionHistory(
		context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options),
	) (*sfn.GetExecutionHistoryOutput, error)
}

// queues is what dispatch calls of SQS.
type queues interface {
	permit.API
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// handler starts one execution of the scan state machine for each object that a message names, once a
// permit is free for it.
type handler struct {
	stepFunctions  stepFunctions
	machine        string     // ARN of the STANDARD state machine
	expressMachine string     // ARN of the EXPRESS state machine; empty without one
	policy         job.Policy // of every job, see policyOf
	uploads        string     // name of the stack's upload bucket; if empty, every bucket counts as it

	events      guardduty.API // gets the events about dead letters
	sqs         queues
	uploadQueue string // URL
	rescanQueue string // URL
	rescanARN   string // of the queue of rescans
	deadLetters string // URL of the dead-letter queue
	permits     permit.Pool
	maxInWork   int // the number of permits

	metrics *metric.Emitter
}

// handle does what an event asks for: an event of SQS brings messages, and that of the schedule asks for
// a count of the permits.
func (h *handler) handle(ctx context.Context, event json.RawMessage) (any, error) {
	var e struct {
		events.SQSEvent
		Count string `json:"count"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	switch {
	case e.Count == "permits":
		return h.count(ctx)
	case len(e.Records) > 0 && e.Records[0].EventSource == "aws:sqs":
		return h.handleMessages(ctx, e.SQSEvent), nil
	}
	return nil, fmt.Errorf(`read the event: want an event of SQS or {"count":"permits"}, got %s`,
		excerpt.Cut(string(event), 200))
}

// handleMessages works on the messages in turn, and returns those that were handed back. The event
// sources in template.yaml bring one message at a time.
func (h *handler) handleMessages(ctx context.Context, event events.SQSEvent) events.SQSEventResponse {
	var response events.SQSEventResponse
	for _, m := range event.Records {
		if !h.handleMessage(ctx, m) {
			failure := events.SQSBatchItemFailure{ItemIdentifier: m.MessageId}
			response.BatchItemFailures = append(response.BatchItemFailures, failure)
		}
	}
	return response
}

const (
	// timeout is that of the function where the context has no deadline.
	timeout = 15 * time.Minute
	// reserve is the time before the end of the invocation from which on nothing is begun any more.
	reserve = time.Minute
	// replyTime is the time before the end of the invocation at which a call that is under way is given up.
	replyTime = 30 * time.Second
)

// deadlineOf returns when the invocation ends.
func deadlineOf(ctx context.Context) time.Time {
	if d, ok := ctx.Deadline(); ok {
		return d
	}
	return time.Now().Add(timeout)
}

// afterwards returns a context for the calls that end the work on a message, also if ctx has ended.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
