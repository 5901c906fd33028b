package awsclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lazaret/lazaret/local/awsclient"
)

// fakeHTTP gets requests as net/http would.
type fakeHTTP func(*http.Request)

func (f fakeHTTP) Do(r *http.Request) (*http.Response, error) {
	f(r)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}}, nil
}

func TestSQSBodiesHaveNoWriteTo(t *testing.T) {
	t.Parallel()
	requests := 0
	client := awsclient.SQS(aws.Config{
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: fakeHTTP(func(r *http.Request) {
			requests++
			if _, ok := r.Body.(io.WriterTo); ok || r.ContentLength <= 0 {
				t.Errorf(
					"the body is a %T of %d bytes, want one without WriteTo and not empty",
					r.Body,
					r.ContentLength,
				)
			}
		}),
	})
	if _, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")}); err != nil {
		t.Fatal(err)
	}
	if requests != 1 {
		t.Errorf("got %d requests, want 1", requests)
	}
}

func TestS3Addressing(t *testing.T) {
	t.Parallel()
	if awsclient.S3(aws.Config{}).Options().UsePathStyle {
		t.Error("without an endpoint UsePathStyle = true, want false")
	}
	if !awsclient.S3(aws.Config{BaseEndpoint: aws.String("http://127.0.0.1:4566")}).Options().UsePathStyle {
		t.Error("with an endpoint UsePathStyle = false, want true")
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	answer := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 403}}}
	for _, test := range []struct {
		err  error
		want int
	}{
		{err: nil, want: 200},
		{err: fmt.Errorf("get: %w", answer), want: 403},
		{err: errors.New("connection refused"), want: 0},
	} {
		if got := awsclient.Status(test.err); got != test.want {
			t.Errorf("Status(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}
