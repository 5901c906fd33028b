package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
	message "github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// most is how many messages, executions or objects a fault takes.
const most = 10

// duplicates takes messages from the uploads queue, so that they come later and in another order, and sends each once
// more. Where the queue is empty, it sends the events of uploads that are in work again.
func duplicates(seed uint64) fault {
	return fault{"messages twice and in another order", func(ctx context.Context, r *run) (string, error) {
		bodies, err := r.borrow(ctx)
		if err != nil {
			return "", err
		}
		waiting := len(bodies)
		jobs, err := r.recentJobs(ctx, most-len(bodies))
		if err != nil {
			return "", err
		}
		for _, j := range jobs {
			body, err := json.Marshal(harness.S3Event(j.Object))
			if err != nil {
				return "", fmt.Errorf("encode an event: %w", err)
			}
			bodies = append(bodies, string(body))
		}
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(bodies), func(i, k int) { bodies[i], bodies[k] = bodies[k], bodies[i] })
		for _, body := range bodies {
			if err := r.send(ctx, harness.UploadQueue, body); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%d that waited, %d that were in work", waiting, len(jobs)), nil
	}}
}

// borrow receives messages of the uploads queue, which come back to it after some seconds, and returns their bodies.
func (r *run) borrow(ctx context.Context) (bodies []string, err error) {
	out, err := r.clients.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: r.queue(harness.UploadQueue), MaxNumberOfMessages: most, VisibilityTimeout: 2,
	})
	if err != nil {
		return nil, fmt.Errorf("receive from the uploads queue: %w", err)
	}
	for _, m := range out.Messages {
		bodies = append(bodies, aws.ToString(m.Body))
	}
	return bodies, nil
}

// recentJobs returns the jobs of the newest executions.
func (r *run) recentJobs(ctx context.Context, n int) (jobs []job.Job, err error) {
	executions, err := r.executions(ctx, "", n)
	if err != nil {
		return nil, err
	}
	for _, arn := range executions {
		out, err := r.clients.SFN.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", arn, err)
		}
		var j job.Job
		if err := json.Unmarshal([]byte(aws.ToString(out.Input)), &j); err != nil {
			return nil, fmt.Errorf("read the input of %s: %w", arn, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// executions returns the ARNs of the newest n executions with a status, any status if it is "".
func (r *run) executions(ctx context.Context, status sfntypes.ExecutionStatus, n int) (arns []string, err error) {
	if n <= 0 {
		return nil, nil
	}
	out, err := r.clients.SFN.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(harness.ScanMachine), StatusFilter: status, MaxResults: int32(n),
	})
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	for _, e := range out.Executions {
		arns = append(arns, aws.ToString(e.ExecutionArn))
	}
	return arns, nil
}

// garbage sends messages that are no uploads. Each is a dead letter for good.
func garbage(ctx context.Context, r *run) (string, error) {
	const n = 5
	for i := range n {
		r.mu.Lock()
		id := len(r.nonsense)
		body := []string{
			"garbage %d", `{"Records":[],"id":%d}`, `{"Records":[{"id":%d}]}`,
			`{"detail-type":"Object Created","detail":{"id":%d}}`, `{"job":{"run":"%d"}}`,
		}[i]
		body = fmt.Sprintf(body, id)
		r.nonsense = append(r.nonsense, body)
		r.mu.Unlock()
		if err := r.send(ctx, harness.UploadQueue, body); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d messages", n), nil
}

// redriven moves all dead letters back, as operators do.
func redriven(ctx context.Context, r *run) (string, error) {
	now, err := r.lettersOnly(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d letters of objects", len(now.letters)), r.redrive(ctx)
}

// redrive moves the dead letters to the queue that replays go to.
func (r *run) redrive(ctx context.Context) error {
	const queues = "arn:aws:sqs:us-east-1:000000000000:"
	_, err := r.clients.SQS.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(queues + harness.DeadLetterQueue), DestinationArn: aws.String(queues + rescans),
	})
	if err != nil {
		return fmt.Errorf("move the dead letters back: %w", err)
	}
	return nil
}

// permitLost deletes a permit, as a process does that is killed between two calls.
func permitLost(ctx context.Context, r *run) (string, error) {
	out, err := r.clients.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: r.queue(permits), WaitTimeSeconds: 2})
	if err != nil {
		return "", fmt.Errorf("take a permit: %w", err)
	}
	if len(out.Messages) == 0 {
		return "all were held", nil
	}
	in := &sqs.DeleteMessageInput{QueueUrl: r.queue(permits), ReceiptHandle: out.Messages[0].ReceiptHandle}
	if _, err := r.clients.SQS.DeleteMessage(ctx, in); err != nil {
		return "", fmt.Errorf("delete a permit: %w", err)
	}
	return "", nil
}

// permitTooMany sends a permit for which nothing has ended, as an event does that comes twice.
func permitTooMany(ctx context.Context, r *run) (string, error) {
	return "", r.send(ctx, permits, `{"permit":1}`)
}

// aborted stops a running execution, as a person can in the console.
func aborted(seed uint64) fault {
	return fault{"execution aborted", func(ctx context.Context, r *run) (string, error) {
		running, err := r.executions(ctx, sfntypes.ExecutionStatusRunning, 100)
		if err != nil || len(running) == 0 {
			return "none was running", err
		}
		arn := running[seed%uint64(len(running))]
		_, err = r.clients.SFN.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
		var gone *sfntypes.ExecutionDoesNotExist
		if err != nil && !errors.As(err, &gone) {
			return "", fmt.Errorf("stop %s: %w", arn, err)
		}
		return "one of " + strconv.Itoa(len(running)), nil
	}}
}

// rescanned asks for new scans of some versions, as operators do, whatever has become of them.
func rescanned(seed uint64) fault {
	return fault{"objects scanned again", func(ctx context.Context, r *run) (string, error) {
		random := rand.New(rand.NewPCG(seed, 1))
		var objects []job.Object
		for range most {
			if v := r.ledger.random(random); v != nil {
				o := v.object()
				o.LastModified = v.stored.UTC().Truncate(time.Second)
				objects = append(objects, o)
			}
		}
		return fmt.Sprintf("%d objects", len(objects)), r.rescan(ctx, objects)
	}}
}

// rescan sends a list of objects to scan again.
func (r *run) rescan(ctx context.Context, objects []job.Object) error {
	if len(objects) == 0 {
		return nil
	}
	r.mu.Lock()
	r.runs++
	list := message.List{Run: r.runName(r.runs)}
	r.mu.Unlock()
	for _, o := range objects {
		list.Objects = append(list.Objects, message.Listed{Object: o})
	}
	body, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode a list: %w", err)
	}
	return r.send(ctx, rescans, string(body))
}

// runName returns the name of the n-th list of operators.
func (r *run) runName(n int) string { return fmt.Sprintf("chaos-%d-%d", r.seed, n) }

func (r *run) send(ctx context.Context, queue, body string) error {
	_, err := r.clients.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: r.queue(queue), MessageBody: &body})
	if err != nil {
		return fmt.Errorf("send to %s: %w", queue, err)
	}
	return nil
}

func (r *run) queue(name string) *string {
	return aws.String(r.stack.endpoint() + "/000000000000/" + name)
}

// depth returns how many messages of a queue are visible, and how many are hidden.
func (r *run) depth(ctx context.Context, queue string) (visible, hidden int, err error) {
	out, err := r.clients.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: r.queue(queue), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read the depth of %s: %w", queue, err)
	}
	visible, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
	if err == nil {
		hidden, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessagesNotVisible"])
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the depth of %s: %w", queue, err)
	}
	return visible, hidden, nil
}

// drain returns the bodies of all messages of a queue, and removes them unless keep is set.
func (r *run) drain(ctx context.Context, queue string, keep bool) (bodies []string, err error) {
	kept := map[string]*types.Message{}
	for {
		visible, hidden, err := r.depth(ctx, queue)
		if err != nil {
			return nil, err
		}
		if visible+hidden == len(kept) {
			break
		}
		out, err := r.clients.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: r.queue(queue), MaxNumberOfMessages: 10, VisibilityTimeout: 30, WaitTimeSeconds: 1,
		})
		if err != nil {
			return nil, fmt.Errorf("receive from %s: %w", queue, err)
		}
		for _, m := range out.Messages {
			if kept[*m.MessageId] == nil {
				bodies = append(bodies, aws.ToString(m.Body))
			}
			if keep {
				kept[*m.MessageId] = &m
				continue
			}
			in := &sqs.DeleteMessageInput{QueueUrl: r.queue(queue), ReceiptHandle: m.ReceiptHandle}
			if _, err := r.clients.SQS.DeleteMessage(ctx, in); err != nil {
				return nil, fmt.Errorf("delete from %s: %w", queue, err)
			}
		}
	}
	for _, m := range kept {
		in := &sqs.ChangeMessageVisibilityInput{QueueUrl: r.queue(queue), ReceiptHandle: m.ReceiptHandle}
		if _, err := r.clients.SQS.ChangeMessageVisibility(ctx, in); err != nil {
			return nil, fmt.Errorf("make a message of %s visible: %w", queue, err)
		}
	}
	return bodies, nil
}
