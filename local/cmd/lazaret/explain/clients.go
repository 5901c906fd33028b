package explain

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// Clients are what an Explainer calls of AWS.
type Clients struct {
	S3       S3       // *s3.Client
	Queues   queues   // *sqs.Client
	Logs     logs     // *cloudwatchlogs.Client
	Machines machines // *sfn.Client
	Stacks   stacks   // *cloudformation.Client
	STS      callers  // *sts.Client
	Lambda   invoker  // *lambda.Client
}

// invoker is the operation of Lambda.
type invoker interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// S3 are the operations on buckets.
type S3 interface {
	wait.S3
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
}

// queues are the operations on queues. Explain sends and deletes nothing: package redrive, which reads the dead
// letters, takes a client that can.
type queues interface {
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(
		context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options),
	) (*sqs.ReceiveMessageOutput, error)
	ChangeMessageVisibilityBatch(
		context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(
		context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.DeleteMessageBatchOutput, error)
	SendMessageBatch(
		context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.SendMessageBatchOutput, error)
}

// logs is the operation of CloudWatch Logs.
type logs interface {
	FilterLogEvents(
		context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// machines are the operations of Step Functions.
type machines interface {
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	DescribeExecution(
		context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
	GetExecutionHistory(
		context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options),
	) (*sfn.GetExecutionHistoryOutput, error)
}

// stacks is the operation of CloudFormation.
type stacks interface {
	DescribeStacks(
		context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
	) (*cloudformation.DescribeStacksOutput, error)
}

// callers is the operation of STS.
type callers interface {
	GetCallerIdentity(
		context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options),
	) (*sts.GetCallerIdentityOutput, error)
}
