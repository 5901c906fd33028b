package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/upload"
)

// QueueURL returns the URL of the queue with this name.
func (m *Machine) QueueURL(name string) string {
	return m.Endpoint + "/000000000000/" + name
}

// Send puts a message into a queue: a string as it is, anything else as JSON.
func (m *Machine) Send(t testing.TB, queue string, message any) {
	t.Helper()
	body, isText := message.(string)
	if !isText {
		encoded, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		body = string(encoded)
	}
	in := &sqs.SendMessageInput{QueueUrl: aws.String(m.QueueURL(queue)), MessageBody: &body}
	if _, err := m.SQS.SendMessage(t.Context(), in); err != nil {
		t.Fatalf("send to %s: %v", queue, err)
	}
}

// Bodies returns the bodies of all messages in a queue that nothing else reads. The messages stay in the queue: each is
// received and made visible again. Received messages are hidden for 2 seconds only, and counted, because an answer of
// the queue may be lost: the SDK closes a request's body when the answer begins, and net/http then drops a connection
// on which it has not sent the whole body.
func (m *Machine) Bodies(t testing.TB, queue string) []string {
	t.Helper()
	m.receiving.Lock()
	defer m.receiving.Unlock()
	url := aws.String(m.QueueURL(queue))
	var received []types.Message
	Poll(t, "every message of "+queue, func() bool {
		in := &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 2}
		out, err := m.SQS.ReceiveMessage(t.Context(), in)
		for err == nil && len(out.Messages) > 0 {
			for _, message := range out.Messages {
				known := slices.IndexFunc(received, func(r types.Message) bool {
					return *r.MessageId == *message.MessageId
				})
				if known < 0 {
					received = append(received, message)
				} else {
					received[known] = message // only the latest receipt is valid
				}
			}
			out, err = m.SQS.ReceiveMessage(t.Context(), in)
		}
		if err != nil {
			t.Fatalf("receive from %s: %v", queue, err)
		}
		return len(received) >= m.Depth(t, queue)
	})
	var bodies []string
	for _, message := range received {
		bodies = append(bodies, aws.ToString(message.Body))
		in := &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: message.ReceiptHandle}
		var visible *types.MessageNotInflight
		if _, err := m.SQS.ChangeMessageVisibility(t.Context(), in); err != nil && !errors.As(err, &visible) {
			t.Fatalf("make a message of %s visible: %v", queue, err)
		}
	}
	return bodies
}

// DeadLetters returns the dead letters that the state machine has sent. Bodies returns the other messages of the queue,
// too: those that dispatch could not read, and the events of executions that ended outside every Catch.
func (m *Machine) DeadLetters(t testing.TB) []upload.DeadLetter {
	t.Helper()
	var letters []upload.DeadLetter
	for _, body := range m.Bodies(t, DeadLetterQueue) {
		var letter upload.DeadLetter
		if json.Unmarshal([]byte(body), &letter) == nil && letter.Execution != "" {
			letters = append(letters, letter)
		}
	}
	return letters
}

// NewQueue creates a queue and returns its ARN.
func (m *Machine) NewQueue(t testing.TB, name string) (arn string) {
	t.Helper()
	if _, err := m.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name}); err != nil {
		t.Fatalf("create queue %s: %v", name, err)
	}
	return "arn:aws:sqs:us-east-1:000000000000:" + name
}

// CheckPermits waits until n permits are free and no other one exists, which takes two minutes at most where some are
// wrong: dispatch counts them each minute, three times.
func (m *Machine) CheckPermits(t testing.TB, n int) {
	t.Helper()
	want := [2]int{n, 0}
	Poll(t, fmt.Sprintf("%d free permits", n), func() bool {
		got, err := m.counts(t.Context(), PermitQueue)
		if err != nil {
			t.Fatal(err)
		}
		return got == want
	})
}

// Depth returns the number of messages in a queue, hidden ones included.
func (m *Machine) Depth(t testing.TB, queue string) int {
	t.Helper()
	depth, err := m.depth(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	return depth
}

func (m *Machine) depth(ctx context.Context, queue string) (int, error) {
	counts, err := m.counts(ctx, queue)
	return counts[0] + counts[1], err
}

// counts returns how many messages of a queue are visible and hidden.
func (m *Machine) counts(ctx context.Context, queue string) (counts [2]int, err error) {
	out, err := m.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       aws.String(m.QueueURL(queue)),
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return counts, fmt.Errorf("read the attributes of queue %s: %w", queue, err)
	}
	for i, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		if counts[i], err = strconv.Atoi(out.Attributes[name]); err != nil {
			return counts, fmt.Errorf("read %s of queue %s: %w", name, queue, err)
		}
	}
	return counts, nil
}
