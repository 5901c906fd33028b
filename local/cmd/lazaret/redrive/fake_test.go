package redrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var errKilled = errors.New("killed")

// letter is a message of the dead-letter queue.
type letter struct {
	id, body   string
	attributes map[string]types.MessageAttributeValue
	sent       time.Time
	hidden     bool
	receives   int
}

// fakeQueues are the dead-letter queue and the rescans queue of a stack.
type fakeQueues struct {
	onSend    func(entry types.SendMessageBatchRequestEntry) (refused bool)
	onDelete  func(l *letter) (refused bool)
	onReceive func() ([]types.Message, error) // replaces the answer, unless both results are nil
	calls     int
	failAt    int // this call and all later ones fail with errKilled; 0 is none

	mu         sync.Mutex
	letters    []*letter                                // in the dead-letter queue
	rescans    []string                                 // bodies in the rescans queue
	attributes []map[string]types.MessageAttributeValue // of the messages in the rescans queue
	omit       bool                                     // answers to SendMessageBatch name no entry
	hidden     string                                   // value of ApproximateNumberOfMessagesNotVisible
}

// newFake returns queues with n dead letters, which are an hour old and have the bodies "0" to "n-1".
func newFake(n int) *fakeQueues {
	f := &fakeQueues{}
	for i := range n {
		f.add(strconv.Itoa(i), time.Now().Add(-time.Hour))
	}
	return f
}

// add adds a dead letter.
func (f *fakeQueues) add(body string, sent time.Time) {
	id := fmt.Sprintf("m%d", len(f.letters)+f.calls*1000)
	f.letters = append(f.letters, &letter{id: id, body: body, sent: sent})
}

// call counts a call. It locks the queues until the returned function is called.
func (f *fakeQueues) call(ctx context.Context) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls++
	if f.failAt > 0 && f.calls >= f.failAt {
		f.mu.Unlock()
		return nil, errKilled
	}
	return f.mu.Unlock, nil
}

func (f *fakeQueues) GetQueueAttributes(
	ctx context.Context, _ *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	attributes := map[string]string{"ApproximateNumberOfMessagesNotVisible": f.hidden}
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, nil
}

func (f *fakeQueues) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if f.onReceive != nil {
		if m, err := f.onReceive(); m != nil || err != nil {
			return &sqs.ReceiveMessageOutput{Messages: m}, err
		}
	}
	out := &sqs.ReceiveMessageOutput{}
	for _, l := range f.letters {
		if l.hidden || len(out.Messages) == int(in.MaxNumberOfMessages) {
			continue
		}
		l.hidden = true
		out.Messages = append(out.Messages, l.message())
	}
	return out, nil
}

func (l *letter) message() types.Message {
	l.receives++
	return types.Message{
		MessageId: &l.id, Body: &l.body, ReceiptHandle: aws.String(l.id + "#" + strconv.Itoa(l.receives)),
		MessageAttributes: l.attributes,
		Attributes:        map[string]string{"SentTimestamp": strconv.FormatInt(l.sent.UnixMilli(), 10)},
	}
}

// byReceipt returns the letter with this receipt. Only the latest receipt of a letter is valid.
func (f *fakeQueues) byReceipt(receipt *string) *letter {
	i := slices.IndexFunc(f.letters, func(l *letter) bool { return *receipt == l.id+"#"+strconv.Itoa(l.receives) })
	if i < 0 {
		return nil
	}
	return f.letters[i]
}

func (f *fakeQueues) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		l := f.byReceipt(e.ReceiptHandle)
		if l != nil && f.onDelete != nil && f.onDelete(l) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			continue
		}
		f.letters = slices.DeleteFunc(f.letters, func(o *letter) bool { return o == l })
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (f *fakeQueues) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		l := f.byReceipt(e.ReceiptHandle)
		if l == nil || !l.hidden || e.VisibilityTimeout != 0 {
			out.Failed = append(
				out.Failed,
				types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("MessageNotInflight")},
			)
			continue
		}
		l.hidden = false
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (f *fakeQueues) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		if f.onSend != nil && f.onSend(e) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InternalError"), Message: aws.String("try later"),
			})
			continue
		}
		f.rescans = append(f.rescans, *e.MessageBody)
		f.attributes = append(f.attributes, e.MessageAttributes)
		if !f.omit {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

// visible returns the bodies of the dead letters that are not hidden.
func (f *fakeQueues) visible() []string { return f.bodies(func(l *letter) bool { return !l.hidden }) }

// bodies returns the bodies of some dead letters, sorted.
func (f *fakeQueues) bodies(pick func(*letter) bool) (bodies []string) {
	for _, l := range f.letters {
		if pick(l) {
			bodies = append(bodies, l.body)
		}
	}
	slices.Sort(bodies)
	return bodies
}
