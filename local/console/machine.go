package console

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// machineOf returns the definition that an execution runs by. Step Functions knows that of a STANDARD execution; of an
// EXPRESS one it knows only what its state machine runs by now.
func (c *clients) machineOf(ctx context.Context, arn string) ([]byte, error) {
	if !strings.HasPrefix(arn, strings.Replace(c.express(), ":stateMachine:", ":express:", 1)+":") {
		out, err := c.machines.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{
			ExecutionArn: &arn,
		})
		if err != nil {
			return nil, fmt.Errorf("states:DescribeStateMachineForExecution: %w", err)
		}
		return []byte(aws.ToString(out.Definition)), nil
	}
	out, err := c.machines.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{
		StateMachineArn: aws.String(c.express()),
	})
	if err != nil {
		return nil, fmt.Errorf("states:DescribeStateMachine: %w", err)
	}
	return []byte(aws.ToString(out.Definition)), nil
}

// express returns the ARN of the EXPRESS state machine.
func (c *clients) express() string { return c.stack.Executions().Express }
