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

// letter is a message in the fake.
type letter struct {
	id, body   string
	attributes map[string]types.MessageAttributeValue
	sent       time.Time
	hidden     bool
	receives   int
}

// fakeQueues are the two queues. The functions may refuse what is asked, or do
// something at that moment.
type fakeQueues struct {
	send    func(entry types.SendMessageBatchRequestEntry) (refused bool)
	remove  func(l *letter) (refused bool)
	receive func() ([]types.Message, error) // instead of what is there, unless both are nil
	calls   int                             // all of them
	dieAt   int                             // from this call on, nothing is done

	mu       sync.Mutex
	letters  []*letter // among the dead
	uploads  []string  // bodies
	attached []map[string]types.MessageAttributeValue
	forget   bool // answers about sent entries leave all of them out
	busy     string
}

// newFake is a queue of n letters, an hour old, with bodies 0 to n-1.
func newFake(n int) *fakeQueues {
	f := &fakeQueues{}
	for i := range n {
		f.bury(strconv.Itoa(i), time.Now().Add(-time.Hour))
	}
	return f
}

func (f *fakeQueues) bury(body string, sent time.Time) {
	f.letters = append(f.letters, &letter{id: fmt.Sprintf("m%d", len(f.letters)+f.calls*1000), body: body, sent: sent})
}

// call counts and, from dieAt on, fails. It locks until the returned function.
func (f *fakeQueues) call(ctx context.Context) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls++
	if f.dieAt > 0 && f.calls >= f.dieAt {
		f.mu.Unlock()
		return nil, errKilled
	}
	return f.mu.Unlock, nil
}

func (f *fakeQueues) GetQueueAttributes(ctx context.Context, _ *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"ApproximateNumberOfMessagesNotVisible": f.busy}}, nil
}

func (f *fakeQueues) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if f.receive != nil {
		if m, err := f.receive(); m != nil || err != nil {
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

// of finds the letter of its latest receipt; an older one is worth nothing.
func (f *fakeQueues) of(receipt *string) *letter {
	i := slices.IndexFunc(f.letters, func(l *letter) bool { return *receipt == l.id+"#"+strconv.Itoa(l.receives) })
	if i < 0 {
		return nil
	}
	return f.letters[i]
}

func (f *fakeQueues) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		l := f.of(e.ReceiptHandle)
		if l != nil && f.remove != nil && f.remove(l) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			continue
		}
		f.letters = slices.DeleteFunc(f.letters, func(o *letter) bool { return o == l })
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (f *fakeQueues) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		l := f.of(e.ReceiptHandle)
		if l == nil || !l.hidden || e.VisibilityTimeout != 0 {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("MessageNotInflight")})
			continue
		}
		l.hidden = false
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (f *fakeQueues) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	unlock, err := f.call(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		if f.send != nil && f.send(e) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError"), Message: aws.String("try later")})
			continue
		}
		f.uploads = append(f.uploads, *e.MessageBody)
		f.attached = append(f.attached, e.MessageAttributes)
		if !f.forget {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

// visible are the bodies of the letters that somebody else could receive.
func (f *fakeQueues) visible() []string { return f.bodies(func(l *letter) bool { return !l.hidden }) }

func (f *fakeQueues) bodies(pick func(*letter) bool) (bodies []string) {
	for _, l := range f.letters {
		if pick(l) {
			bodies = append(bodies, l.body)
		}
	}
	slices.Sort(bodies)
	return bodies
}
