package rescan

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

// queue is what looking at the uploads queue takes.
type queue interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// mappings is what looking at dispatch's event source takes.
type mappings interface {
	ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
}

// Late looks for what keeps an execution from starting, and returns what it
// found, a line each. What it may not look at is a line too: it never fails.
func Late(ctx context.Context, queues queue, functions mappings, logs events, s stack.Stack) []string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return append(append(waiting(ctx, queues, s), source(ctx, functions, s)...), logged(ctx, logs, s)...)
}

// waiting says how many requests are before, and in, dispatch.
func waiting(ctx context.Context, queues queue, s stack.Stack) []string {
	visible, worked := types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &s.Uploads, AttributeNames: []types.QueueAttributeName{visible, worked},
	})
	if err != nil {
		return []string{fmt.Sprintf("%s-uploads cannot be looked at: %v", s.Name, err)}
	}
	n, m := out.Attributes[string(visible)], out.Attributes[string(worked)]
	line := fmt.Sprintf("%s-uploads: %s messages wait, %s are with dispatch or are hidden after it failed", s.Name, n, m)
	switch {
	case n == "0" && m == "0":
		line += "; the request has been taken: it is about to start, or among the dead letters (lazaret redrive)"
	case n == "0":
		line += fmt.Sprintf("; that this lasts means that %s-dispatch fails: its log says why", s.Name)
	}
	return []string{line}
}

// source says whether the queue is read at all.
func source(ctx context.Context, functions mappings, s stack.Stack) (lines []string) {
	function := s.Name + "-dispatch"
	out, err := functions.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: &function})
	if err != nil {
		return []string{fmt.Sprintf("whether %s reads the queue cannot be seen: %v", function, err)}
	}
	for _, m := range out.EventSourceMappings {
		state, result := aws.ToString(m.State), aws.ToString(m.LastProcessingResult)
		line := fmt.Sprintf("%s reads %s: %s", function, lastPart(aws.ToString(m.EventSourceArn)), state)
		if result != "" {
			line += ", " + result
		}
		if state != "Enabled" {
			line += fmt.Sprintf("; aws lambda update-event-source-mapping --enabled --uuid %s turns it on", aws.ToString(m.UUID))
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{function + " reads no queue: it has no event source mapping"}
	}
	return lines
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }
