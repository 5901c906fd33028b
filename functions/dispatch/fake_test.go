package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/testing/sqsfake"
)

// fakeStepFunctions answers with what its fields return.
type fakeStepFunctions struct {
	start   func(name, input string) (*sfn.StartExecutionOutput, error)
	express func(ctx context.Context, name, input string) (*sfn.StartSyncExecutionOutput, error)
	list    func(*sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error)
	history func(execution string) ([]types.HistoryEvent, error)
	pages   int // how many pages the history has; only the last has events. 0 is one page
}

func (f fakeStepFunctions) StartExecution(
	_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options),
) (*sfn.StartExecutionOutput, error) {
	return f.start(*in.Name, *in.Input)
}

func (f fakeStepFunctions) StartSyncExecution(
	ctx context.Context, in *sfn.StartSyncExecutionInput, _ ...func(*sfn.Options),
) (*sfn.StartSyncExecutionOutput, error) {
	return f.express(ctx, *in.Name, *in.Input)
}

func (f fakeStepFunctions) ListExecutions(
	_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	return f.list(in)
}

func (f fakeStepFunctions) GetExecutionHistory(
	_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options),
) (*sfn.GetExecutionHistoryOutput, error) {
	page, _ := strconv.Atoi(aws.ToString(in.NextToken))
	if page < f.pages-1 {
		return &sfn.GetExecutionHistoryOutput{NextToken: aws.String(strconv.Itoa(page + 1))}, nil
	}
	e, err := f.history(*in.ExecutionArn)
	return &sfn.GetExecutionHistoryOutput{Events: e}, err
}

// The URLs of the queues of a bench.
const (
	uploadsURL = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-uploads"
	rescansURL = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-rescans"
	permitsURL = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-permits"
	deadURL    = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-dead-letters"

	uploadsARN = "arn:aws:sqs:us-east-1:000000000000:lazaret-uploads"
	rescansARN = "arn:aws:sqs:us-east-1:000000000000:lazaret-rescans"
)

// bench is a handler with queues in memory, and what it started.
type bench struct {
	handler
	queues  *sqsfake.Queues
	network *sqsfake.Client // the queues as the handler sees them
	mu      sync.Mutex
	started []job.Job // of STANDARD executions
	metrics bytes.Buffer
}

// newBench returns a handler of the STANDARD workflow with n free permits.
func newBench(t *testing.T, n int) *bench {
	t.Helper()
	b := &bench{queues: &sqsfake.Queues{}}
	b.network = &sqsfake.Client{Queues: b.queues}
	for range n {
		b.queues.Put(permitsURL, "{}")
	}
	b.handler = handler{
		machine: "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan",
		policy:  job.Policy{AnnounceClean: true},
		sqs:     b.network, uploadQueue: uploadsURL, rescanQueue: rescansURL, rescanARN: rescansARN, deadLetters: deadURL,
		permits: permit.Pool{SQS: b.network, URL: permitsURL}, maxInWork: n,
	}
	b.handler.metrics = metric.New(&b.metrics, "lazaret")
	b.stepFunctions = fakeStepFunctions{start: func(name, input string) (*sfn.StartExecutionOutput, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.started = append(b.started, decode[job.Job](t, input))
		return &sfn.StartExecutionOutput{StartDate: aws.Time(time.Now())}, nil
	}}
	return b
}

// receive receives a message as the event source of a queue does.
func (b *bench) receive(t *testing.T, url, arn string) events.SQSMessage {
	t.Helper()
	source := sqsfake.Client{Queues: b.queues} // the event source does not share the faults of dispatch
	out, err := source.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: 900})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("receive from %s: got %d messages, %v, want one", url, len(out.Messages), err)
	}
	m := out.Messages[0]
	return events.SQSMessage{
		MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body,
		EventSourceARN: arn, Attributes: m.Attributes,
	}
}

// deliver receives a message, hands it to the handler, and deletes it if it is done.
func (b *bench) deliver(ctx context.Context, t *testing.T, url, arn string) (done bool) {
	t.Helper()
	m := b.receive(t, url, arn)
	if done = b.handleMessage(ctx, m); done {
		b.remove(t, url, m)
	}
	return done
}

// remove deletes a message that is done, as the event source does.
func (b *bench) remove(t *testing.T, url string, m events.SQSMessage) {
	t.Helper()
	source := sqsfake.Client{Queues: b.queues}
	if _, err := source.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
		QueueUrl: &url, ReceiptHandle: &m.ReceiptHandle,
	}); err != nil {
		t.Fatal(err)
	}
}

// upload puts a message into the queue of uploads and delivers it.
func (b *bench) upload(t *testing.T, body string) (done bool) {
	t.Helper()
	b.queues.Put(uploadsURL, body)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return b.deliver(ctx, t, uploadsURL, uploadsARN)
}

// sqsEvent returns the event of SQS with one message.
func sqsEvent(m events.SQSMessage) events.SQSEvent {
	m.EventSource = "aws:sqs"
	return events.SQSEvent{Records: []events.SQSMessage{m}}
}

// event returns an S3 notification with one record for each key.
func event(keys ...string) string {
	var records []string
	for _, k := range keys {
		records = append(records, `{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},`+
			`"object":{"key":"`+k+`","size":3,"versionId":"v1","sequencer":"05"}}}`)
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// keys returns the keys of the objects of jobs.
func keys(jobs []job.Job) []string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.Object.Key)
	}
	return all
}
