package machine

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

// QueueURL is the address of a queue by its name.
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

// Bodies are those of all messages in a queue that nothing else reads. The
// messages stay: each is received and made visible again. An answer may be lost
// on its way, and what was in it stays hidden: the SDK closes a request's body
// when the answer begins, and where net/http had yet to see its end it drops the
// connection. So messages are hidden for a moment only, and counted.
func (m *Machine) Bodies(t testing.TB, queue string) []string {
	t.Helper()
	m.deadLetters.Lock()
	defer m.deadLetters.Unlock()
	url := aws.String(m.QueueURL(queue))
	var received []types.Message
	Poll(t, "every message of "+queue, func() bool {
		out, err := m.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 2})
		for err == nil && len(out.Messages) > 0 {
			for _, message := range out.Messages {
				known := slices.IndexFunc(received, func(r types.Message) bool { return *r.MessageId == *message.MessageId })
				if known < 0 {
					received = append(received, message)
				} else {
					received[known] = message // its receipt is the one that counts
				}
			}
			out, err = m.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 2})
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
			t.Fatalf("give a message back to %s: %v", queue, err)
		}
	}
	return bodies
}

// DeadLetters are those that the state machine handed over. Other messages in
// the queue (bodies that dispatch could not read, executions that died) are in
// Bodies.
func (m *Machine) DeadLetters(t testing.TB) []upload.DeadLetter {
	t.Helper()
	var letters []upload.DeadLetter
	for _, body := range m.Bodies(t, DeadQueue) {
		var letter upload.DeadLetter
		if json.Unmarshal([]byte(body), &letter) == nil && letter.Execution != "" {
			letters = append(letters, letter)
		}
	}
	return letters
}

// NewQueue creates a queue and returns its name and ARN.
func (m *Machine) NewQueue(t testing.TB, name string) (arn string) {
	t.Helper()
	if _, err := m.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name}); err != nil {
		t.Fatalf("create queue %s: %v", name, err)
	}
	return "arn:aws:sqs:us-east-1:000000000000:" + name
}

// Depth is how many messages a queue holds, those under way included.
func (m *Machine) Depth(t testing.TB, queue string) int {
	t.Helper()
	depth, err := m.depth(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	return depth
}

func (m *Machine) depth(ctx context.Context, queue string) (int, error) {
	out, err := m.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(m.QueueURL(queue)), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return 0, fmt.Errorf("look at queue %s: %w", queue, err)
	}
	depth := 0
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		n, err := strconv.Atoi(out.Attributes[name])
		if err != nil {
			return 0, fmt.Errorf("read %s of queue %s: %w", name, queue, err)
		}
		depth += n
	}
	return depth, nil
}
