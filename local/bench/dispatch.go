package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lazaret/lazaret/internal/job"
	message "github.com/lazaret/lazaret/internal/upload"
)

// timeDispatch measures the processor time of dispatch for one object. Its queues and its state machine answer at once.
func (b *benchmark) timeDispatch(ctx context.Context) error {
	aws := httptest.NewServer(http.HandlerFunc(answerDispatch))
	defer aws.Close()
	volume, err := b.dir("volume")
	if err != nil {
		return err
	}
	e, err := b.startFunction(ctx, "dispatch", volume, aws.URL)
	if err != nil {
		return err
	}
	defer e.stop()
	var before time.Duration
	for i := range 1 + b.amount.Timed {
		if i == 1 { // the first one makes the connections
			if before, err = ownProcessorTime(e.cmd.Process.Pid); err != nil {
				return err
			}
		}
		if err := dispatchOne(ctx, e, i); err != nil {
			return err
		}
	}
	after, err := ownProcessorTime(e.cmd.Process.Pid)
	b.report.during(load{}).plain("processor time of dispatch for one object",
		milliseconds((after-before)/time.Duration(b.amount.Timed)), "ms")
	return err
}

// dispatchOne sends dispatch one message of the uploads queue.
func dispatchOne(ctx context.Context, e *environment, i int) error {
	body, err := json.Marshal(message.List{Run: "bench", Objects: []message.Listed{{Object: job.Object{
		Bucket: "bench", Key: fmt.Sprintf("dispatch/%d.txt", i), Size: 10_000, Sequencer: "1",
	}}}})
	if err != nil {
		return fmt.Errorf("encode the message: %w", err)
	}
	event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: fmt.Sprint(i), ReceiptHandle: "upload", Body: string(body),
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:us-east-1:000000000000:lazaret-uploads",
	}}})
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	out, err := e.invoke(ctx, event)
	if err == nil && strings.Contains(string(out), "itemIdentifier\":") {
		err = errors.New("dispatch handed its message back")
	}
	return err
}

// answerDispatch answers what dispatch asks of SQS and Step Functions: a permit, and a new execution.
func answerDispatch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer := "{}"
	switch operation {
	case "ReceiveMessage":
		answer = `{"Messages":[{"MessageId":"1","ReceiptHandle":"permit","Body":"{\"permit\":1}",` +
			`"MD5OfBody":"b69f363fafdab2a76a99f28d8140d4b5"}]}`
	case "StartExecution":
		answer = fmt.Sprintf(`{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:bench",`+
			`"startDate":%d}`, time.Now().Unix())
	}
	_, _ = fmt.Fprint(w, answer)
}
