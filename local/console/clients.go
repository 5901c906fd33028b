package console

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// clients are the AWS clients of the console, all with the caller's credentials.
type clients struct {
	stack    deployment.Stack
	s3       *s3.Client
	queues   *sqs.Client
	lambda   *lambda.Client
	patient  *lambda.Client // for what takes minutes: a request that timed out is not sent again
	metrics  *cloudwatch.Client
	logs     *cloudwatchlogs.Client
	stacks   *cloudformation.Client
	machines *sfn.Client
	sts      *sts.Client
	history  *history.Reader
	decide   func(context.Context) (*decide.Client, error)
}

func newClients(c Config) *clients {
	all := &clients{
		stack: c.Stack, s3: awsclient.S3(c.AWS), queues: awsclient.SQS(c.AWS), lambda: lambda.NewFromConfig(c.AWS),
		patient: lambda.NewFromConfig(c.AWS, func(o *lambda.Options) { o.RetryMaxAttempts = 1 }),
		metrics: cloudwatch.NewFromConfig(c.AWS), logs: awsclient.Logs(c.AWS),
		stacks: cloudformation.NewFromConfig(c.AWS), machines: awsclient.StepFunctions(c.AWS),
		sts: sts.NewFromConfig(c.AWS),
	}
	all.history = history.New(all.machines, all.logs, c.Stack.Executions())
	all.decide = func(ctx context.Context) (*decide.Client, error) { return decide.New(ctx, c.AWS, c.Stack.Name) }
	return all
}
