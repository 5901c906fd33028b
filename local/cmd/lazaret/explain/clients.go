package explain

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// Clients are what an Explainer calls of AWS. It sends and deletes no message: package redrive, which reads the dead
// letters, takes a client that can.
type Clients struct {
	S3       S3                    // *s3.Client
	Queues   redrive.Queues        // *sqs.Client
	Logs     history.Logs          // *cloudwatchlogs.Client
	Machines history.StepFunctions // *sfn.Client
	Stacks   deployment.Stacks     // *cloudformation.Client
	STS      callers               // *sts.Client
	Lambda   deployment.Invoker    // *lambda.Client
}

// S3 are the operations on buckets.
type S3 interface {
	wait.S3
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
}

// callers is the operation of STS.
type callers interface {
	GetCallerIdentity(
		context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options),
	) (*sts.GetCallerIdentityOutput, error)
}
