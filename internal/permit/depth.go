package permit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// AttributesAPI is what Depth calls of SQS.
type AttributesAPI interface {
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
}

// Depth returns about how many messages of a queue wait for a receiver, and how many are with one.
func Depth(ctx context.Context, api AttributesAPI, url string) (waiting, received int, err error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return 0, 0, fmt.Errorf("read the depth of %s: %w", url, err)
	}
	var numbers [2]int
	for i, name := range names {
		if numbers[i], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return 0, 0, fmt.Errorf("read the depth of %s: %s: %w", url, name, err)
		}
	}
	return numbers[0], numbers[1], nil
}
