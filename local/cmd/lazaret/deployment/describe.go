package deployment

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// Stacks is what Describe calls of CloudFormation.
type Stacks interface {
	DescribeStacks(
		context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
	) (*cloudformation.DescribeStacksOutput, error)
}

// Description is what CloudFormation knows about a stack.
type Description struct {
	Status     string            // such as UPDATE_COMPLETE
	Parameters map[string]string // those that have their default too
	Outputs    map[string]string
}

// Describe asks CloudFormation about the stack with this name. The error is an ErrNotFound if there is none.
func Describe(ctx context.Context, client Stacks, name string) (Description, error) {
	d := Description{Parameters: map[string]string{}, Outputs: map[string]string{}}
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	// CloudFormation has no code of its own for this: ValidationError, Stack with id av does not exist.
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" &&
		strings.HasSuffix(api.ErrorMessage(), "does not exist") {
		return d, fmt.Errorf("%w: CloudFormation has none of this name in this account and region", ErrNotFound)
	}
	if err != nil {
		return d, fmt.Errorf("describe the stack: %w", err)
	}
	if len(out.Stacks) != 1 {
		return d, fmt.Errorf("describe the stack: %d stacks have this name", len(out.Stacks))
	}
	d.Status = string(out.Stacks[0].StackStatus)
	for _, p := range out.Stacks[0].Parameters {
		d.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	for _, o := range out.Stacks[0].Outputs {
		d.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return d, nil
}
