// Package awsclient creates the AWS clients that commands and tests share: for AWS, and for the local stack, whose
// endpoint is in the configuration.
package awsclient

import (
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// S3 returns a client that writes bucket names in the path if the configuration has an endpoint: names such as
// bucket.localhost do not resolve everywhere.
func S3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
}

// SQS returns a client that loses no answer (see WholeAnswers). The messages of a lost answer would stay hidden.
func SQS(cfg aws.Config) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.HTTPClient = WholeAnswers(o.HTTPClient) })
}

// StepFunctions returns a client that loses no answer (see WholeAnswers). Histories are long.
func StepFunctions(cfg aws.Config) *sfn.Client {
	return sfn.NewFromConfig(cfg, func(o *sfn.Options) { o.HTTPClient = WholeAnswers(o.HTTPClient) })
}

// Logs returns a client of CloudWatch Logs that loses no answer (see WholeAnswers).
func Logs(cfg aws.Config) *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(cfg, func(o *cloudwatchlogs.Options) { o.HTTPClient = WholeAnswers(o.HTTPClient) })
}

// WholeAnswers returns a client that hides the WriteTo method of request bodies from the given one. With smithy-go
// 1.28.8 the SDK closes a request's body when the answer begins. If net/http then still looks for the end of the body,
// WriteTo returns io.EOF as an error, net/http drops the connection, and the rest of the answer is lost. Without
// WriteTo, net/http calls Read, for which io.EOF is no error. One answer in a hundred was lost on one computer.
func WholeAnswers(client aws.HTTPClient) aws.HTTPClient { return readingClient{client} }

type readingClient struct{ client aws.HTTPClient }

func (c readingClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.client.Do(r)
	}
	reading := *r
	reading.Body = struct{ io.ReadCloser }{r.Body}
	return c.client.Do(&reading)
}

// Status returns the HTTP status of an operation that ended with err: 200 without an error, 0 without an answer.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}
