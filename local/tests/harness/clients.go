package harness

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/local/awsclient"
)

// Names of the local stack's resources, as the documents show them.
const (
	Uploads         = "lazaret-uploads-000000000000-us-east-1"
	Quarantine      = "lazaret-quarantine-000000000000-us-east-1"
	Clean           = "lazaret-clean-000000000000-us-east-1" // exists in three-bucket only
	Records         = "lazaret-records-000000000000-us-east-1"
	UploadQueue     = "lazaret-uploads"
	RescanQueue     = "lazaret-rescans"
	PermitQueue     = "lazaret-permits"
	DeadLetterQueue = "lazaret-dead-letters"
	ScanMachine     = "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan"
	ExpressMachine  = ScanMachine + "-express"                 // exists with Workflow=EXPRESS only
	ExpressLog      = "/aws/vendedlogs/states/lazaret-express" // as well
	FunctionLog     = "/lazaret/lazaret"
	Verdicts        = "arn:aws:sns:us-east-1:000000000000:lazaret-verdicts"
)

// Clients are the AWS clients of one principal.
type Clients struct {
	Config      aws.Config
	S3          *s3.Client
	SQS         *sqs.Client
	SFN         *sfn.Client
	SNS         *sns.Client
	Lambda      *lambda.Client
	EventBridge *eventbridge.Client
	Logs        *cloudwatchlogs.Client
}

// As returns the clients of another principal. An access key is the last part of the principal's ARN; 12 digits are
// the root user of that account.
func (m *Machine) As(accessKey string) Clients {
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &m.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "test", ""),
		HTTPClient:  awsclient.WholeAnswers(awshttp.NewBuildableClient()),
	}
	return Clients{
		Config: cfg,
		S3:     awsclient.S3(cfg),
		SQS:    sqs.NewFromConfig(cfg), SFN: sfn.NewFromConfig(cfg), SNS: sns.NewFromConfig(cfg),
		Lambda: lambda.NewFromConfig(cfg), EventBridge: eventbridge.NewFromConfig(cfg),
		Logs: cloudwatchlogs.NewFromConfig(cfg),
	}
}
