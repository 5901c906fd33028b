package rescan

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// queues are the operations that read the stack's queues.
type queues interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	permit.AttributesAPI
}

// mappings is the operation that reads the event source mappings of dispatch.
type mappings interface {
	ListEventSourceMappings(
		context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
	) (*lambda.ListEventSourceMappingsOutput, error)
}

// Diagnose looks for the reason why an execution does not start, and returns what it found, one line each. An error is
// a line too: Diagnose never fails.
func Diagnose(ctx context.Context, q queues, m mappings, l logs, stack deployment.Stack) []string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	lines, _ := WhyNotStarted(ctx, m, l, stack)
	return append(diagnoseQueues(ctx, q, stack), lines...)
}

// WhyNotStarted returns what AWS says about dispatch, which starts executions: the state of its event source mappings,
// and the last error in its log, one line each. It never fails: an error is a line too. Fails reports whether dispatch
// has logged an error in the last ten minutes.
func WhyNotStarted(ctx context.Context, m mappings, l logs, stack deployment.Stack) (lines []string, fails bool) {
	lines = diagnoseMapping(ctx, m, stack)
	if line := lastError(ctx, l, stack); line != "" {
		return append(lines, line), true
	}
	return lines, false
}

// depth is how many messages of a queue are visible, and how many somebody has received.
type depth struct{ visible, hidden int }

// depthOf reads the depth of one of the stack's queues.
func depthOf(ctx context.Context, client queues, queue string) (depth, error) {
	var d depth
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return d, fmt.Errorf("find the queue: %w", err)
	}
	d.visible, d.hidden, err = permit.Depth(ctx, client, aws.ToString(url.QueueUrl))
	return d, err
}

// diagnoseQueues says whether the request waits for dispatch, and whether it waits for uploads or for a permit.
func diagnoseQueues(ctx context.Context, client queues, stack deployment.Stack) (lines []string) {
	depths := map[string]depth{}
	for _, queue := range []string{"uploads", "permits", "rescans"} {
		d, err := depthOf(ctx, client, stack.Queue(queue))
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s: %v", stack.Queue(queue), err))
			continue
		}
		depths[queue] = d
	}
	uploads, permits := depths["uploads"], depths["permits"]
	_, permitsKnown := depths["permits"]
	waits := true // the request waits in its turn
	switch {
	case uploads.visible > 0:
		lines = append(lines, fmt.Sprintf("%s: %s ahead of this request, because rescans wait until no upload waits: "+
			"%d in the queue, %d with dispatch", stack.Queue("uploads"),
			count(uploads.visible+uploads.hidden, "upload is", "uploads are"), uploads.visible, uploads.hidden))
	case permitsKnown && permits.visible == 0:
		lines = append(lines, fmt.Sprintf("%s: no permit is free: as many objects are in work as MaxConcurrentScans "+
			"allows, and rescans leave a quarter of the permits to uploads", stack.Queue("permits")))
	default:
		waits = false
	}
	if rescans, ok := depths["rescans"]; ok {
		lines = append(lines, diagnoseRescans(stack, rescans, waits))
	}
	return lines
}

// diagnoseRescans says where the request is. If it waits in its turn, another line has said for what.
func diagnoseRescans(stack deployment.Stack, d depth, waits bool) string {
	line := fmt.Sprintf("%s: %s, %d with dispatch or hidden after it failed",
		stack.Queue("rescans"), count(d.visible, "message waits", "messages wait"), d.hidden)
	switch {
	case d == depth{}:
		line += "; the request has been received: the execution is about to start, or has started and its log is late, " +
			"or the request is a dead letter (lazaret redrive)"
	case d.visible == 0 && !waits:
		line += fmt.Sprintf("; if this lasts, %s fails, and its log says why", stack.Function("dispatch"))
	}
	return line
}

// count returns "1 message waits" or "2 messages wait".
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// diagnoseMapping says which queues dispatch reads.
func diagnoseMapping(ctx context.Context, client mappings, stack deployment.Stack) (lines []string) {
	function := stack.Function("dispatch")
	out, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: &function})
	if err != nil {
		return []string{fmt.Sprintf("the event source mapping of %s cannot be read: %v", function, err)}
	}
	for _, m := range out.EventSourceMappings {
		arn := aws.ToString(m.EventSourceArn)
		state, result := aws.ToString(m.State), aws.ToString(m.LastProcessingResult)
		line := fmt.Sprintf("%s reads %s: %s", function, arn[strings.LastIndexByte(arn, ':')+1:], state)
		if result != "" {
			line += ", " + result
		}
		if state != "Enabled" {
			line += fmt.Sprintf("; aws lambda update-event-source-mapping --enabled --uuid %s turns it on",
				aws.ToString(m.UUID))
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{function + " reads no queue: it has no event source mapping"}
	}
	return lines
}
