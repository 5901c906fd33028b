package step

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// recorder is an HTTP client that records where a request would have been sent.
type recorder struct{ hosts []string }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	r.hosts = append(r.hosts, request.URL.Scheme+"://"+request.URL.Host)
	return nil, errors.New("not sent")
}

// TestEmptyEndpointIsAWS checks that an empty AWS_ENDPOINT_URL means AWS: the template sets it so that
// sam local invoke can set it to a value.
func TestEmptyEndpointIsAWS(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "", "AWS_REGION": "eu-central-1", "AWS_CA_BUNDLE": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	r := &recorder{}
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(
		ctx,
		config.WithHTTPClient(r),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("a", "b", "")),
	)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s3.NewFromConfig(cfg, PathStyle).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("uploads")})
	_, _ = sfn.NewFromConfig(cfg).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn")})
	_, _ = sns.NewFromConfig(cfg).ListTopics(ctx, &sns.ListTopicsInput{})
	_, _ = eventbridge.NewFromConfig(cfg).ListRules(ctx, &eventbridge.ListRulesInput{})
	want := "https://uploads.s3.eu-central-1.amazonaws.com https://states.eu-central-1.amazonaws.com " +
		"https://sns.eu-central-1.amazonaws.com https://events.eu-central-1.amazonaws.com"
	if got := strings.Join(r.hosts, " "); got != want {
		t.Errorf("requests go to %s, want %s", got, want)
	}
}
