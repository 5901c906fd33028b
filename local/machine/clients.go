package machine

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/sdkhttp"
)

// Names of the stack's resources, as docs and users know them.
const (
	Uploads     = "lazaret-uploads-000000000000-us-east-1"
	Quarantine  = "lazaret-quarantine-000000000000-us-east-1"
	Clean       = "lazaret-clean-000000000000-us-east-1" // three-bucket
	UploadQueue = "lazaret-uploads"
	DeadQueue   = "lazaret-dead-letters"
	ScanMachine = "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan"
	Verdicts    = "arn:aws:sns:us-east-1:000000000000:lazaret-verdicts"
)

// Clients are one principal's.
type Clients struct {
	Config      aws.Config
	S3          *s3.Client
	SQS         *sqs.Client
	SFN         *sfn.Client
	SNS         *sns.Client
	Lambda      *lambda.Client
	EventBridge *eventbridge.Client
}

// As returns the clients of another principal. Its access key is the last part
// of its ARN; 12 digits are the root user of that account.
func (m *Machine) As(accessKey string) Clients {
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &m.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "test", ""),
		HTTPClient:  sdkhttp.Whole(awshttp.NewBuildableClient()),
	}
	return Clients{
		Config: cfg,
		S3:     s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		SQS:    sqs.NewFromConfig(cfg), SFN: sfn.NewFromConfig(cfg), SNS: sns.NewFromConfig(cfg),
		Lambda: lambda.NewFromConfig(cfg), EventBridge: eventbridge.NewFromConfig(cfg),
	}
}

// Status is the HTTP status of an operation that ended with err: 200 without an
// error, 0 where no answer came.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}
