package status

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// Clients are what a Reader calls of AWS. It sends and deletes no message: package redrive, which reads the dead
// letters, takes a client that can.
type Clients struct {
	Queues   queues                // *sqs.Client
	Lambda   lambdas               // *lambda.Client
	Metrics  metrics               // *cloudwatch.Client
	Logs     history.Logs          // *cloudwatchlogs.Client
	Stacks   deployment.Stacks     // *cloudformation.Client
	Machines history.StepFunctions // *sfn.Client
}

// queues are the operations on queues.
type queues interface {
	redrive.Queues
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
}

// lambdas are the operations of Lambda.
type lambdas interface {
	deployment.Invoker
	ListEventSourceMappings(
		context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
	) (*lambda.ListEventSourceMappingsOutput, error)
}

// metrics are the operations of CloudWatch.
type metrics interface {
	GetMetricData(
		context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options),
	) (*cloudwatch.GetMetricDataOutput, error)
	DescribeAlarms(
		context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options),
	) (*cloudwatch.DescribeAlarmsOutput, error)
}
