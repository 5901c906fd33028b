package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/permit"
)

// olderStack is the line of a check of a queue that older versions do not have.
func olderStack(output string) Line {
	return fail("the stack has no output %s: an older version was deployed than this command's", output)
}

// queueState says how many messages wait in the uploads queue and how many dispatch has received.
func (r *run) queueState(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := r.stack.Outputs["UploadQueueUrl"]
	visible, hidden, err := permit.Depth(ctx, r.sqs, url)
	if err != nil {
		return fmt.Sprintf("%s could not be read: %v", queue(url), err)
	}
	state := fmt.Sprintf("in %s %d messages wait and %d are being handled by %s",
		queue(url), visible, hidden, r.stack.function("dispatch"))
	if r.stack.Outputs["ExpressStateMachineArn"] != "" {
		state += ", or the log group " + r.stack.expressLog() + " has lost it"
	}
	return state
}

// attribute returns an attribute of a queue.
func (r *run) attribute(ctx context.Context, url string, name types.QueueAttributeName) (string, error) {
	out, err := r.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		return "", err
	}
	return out.Attributes[string(name)], nil
}

// checkQueues returns the line of a check whose queue does not exist or is not connected to the dead letters, or nil.
// Without the queue, this is what happens.
func (r *run) checkQueues(ctx context.Context, url, dead, without string) *Line {
	line := func(l Line) *Line { return &l }
	arn, err := r.attribute(ctx, dead, types.QueueAttributeNameQueueArn)
	switch {
	case isMissing(err):
		return line(fail("there is no queue %s: what gets no verdict is lost", queue(dead)))
	case err != nil:
		return line(errorLine(ctx, err, "look at "+queue(dead), "sqs:GetQueueAttributes"))
	}
	policy, err := r.attribute(ctx, url, types.QueueAttributeNameRedrivePolicy)
	switch {
	case isMissing(err):
		return line(fail("there is no queue %s: %s", queue(url), without))
	case err != nil:
		return line(errorLine(ctx, err, "look at "+queue(url), "sqs:GetQueueAttributes"))
	case !strings.Contains(policy, `"`+arn+`"`):
		return line(
			fail("%s does not hand what fails to %s: its redrive policy is %q", queue(url), queue(dead), policy),
		)
	}
	return nil
}
