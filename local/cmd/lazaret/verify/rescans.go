package verify

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var checkRescans = Check{
	Name: "rescans", Claim: "rescans and redriven letters have a queue of their own, which dispatch reads",
	Needs: []string{"sqs:GetQueueAttributes", "lambda:ListEventSourceMappings"},
	Run: func(ctx context.Context, r *run) Line {
		url := r.stack.Outputs["RescanQueueUrl"]
		if url == "" {
			return olderStack("RescanQueueUrl")
		}
		if line := r.checkQueues(ctx, url, r.stack.Outputs["DeadLetterQueueUrl"], "no operator's scan starts"); line != nil {
			return *line
		}
		arn, err := r.attribute(ctx, url, sqstypes.QueueAttributeNameQueueArn)
		if err != nil {
			return errorLine(ctx, err, "look at "+queue(url), "sqs:GetQueueAttributes")
		}
		dispatch := r.stack.function("dispatch")
		mappings, err := r.mappings(ctx, dispatch)
		if err != nil {
			return errorLine(ctx, err, "list the event sources of "+dispatch, "lambda:ListEventSourceMappings")
		}
		i := slices.IndexFunc(mappings, func(m types.EventSourceMappingConfiguration) bool {
			return aws.ToString(m.EventSourceArn) == arn
		})
		if i < 0 {
			return fail("%s does not read %s: no operator's scan starts", dispatch, queue(url))
		}
		if state := aws.ToString(mappings[i].State); state != "Enabled" {
			return fail("%s reads %s, but its event source mapping %s is %s: no operator's scan starts",
				dispatch, queue(url), aws.ToString(mappings[i].UUID), state)
		}
		return pass("%s reads %s, and what fails goes to %s",
			dispatch, queue(url), queue(r.stack.Outputs["DeadLetterQueueUrl"]))
	},
}

// mappings returns the event source mappings of a function.
func (r *run) mappings(ctx context.Context, function string) (all []types.EventSourceMappingConfiguration, err error) {
	pages := lambda.NewListEventSourceMappingsPaginator(
		r.lambda,
		&lambda.ListEventSourceMappingsInput{FunctionName: &function},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.EventSourceMappings...)
	}
	return all, nil
}
