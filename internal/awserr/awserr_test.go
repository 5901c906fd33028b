package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
)

// answer returns an error in the error types of the SDK.
func answer(status int, code string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "CopyObject", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: "as the service put it"},
		},
		RequestID: "0A1B",
	}}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want error // nil if the error is returned as it is
	}{
		{name: "no error"},
		{name: "slow down", err: answer(503, "SlowDown"), want: job.ErrTransient},
		{name: "throttling with status 400", err: answer(400, "ThrottlingException"), want: job.ErrTransient},
		{name: "throttled by KMS through SQS", err: answer(400, "KmsThrottled"), want: job.ErrTransient},
		{name: "throttled by KMS through S3", err: answer(400, "KMS.ThrottlingException"), want: job.ErrTransient},
		{name: "too many requests without a code", err: answer(429, ""), want: job.ErrTransient},
		{name: "internal error", err: answer(500, "InternalError"), want: job.ErrTransient},
		{name: "internal error in a body of status 200", err: answer(200, "InternalError"), want: job.ErrTransient},
		{name: "bad gateway", err: answer(502, ""), want: job.ErrTransient},
		{name: "a store without room", err: answer(507, "InsufficientStorage"), want: job.ErrTransient},
		{name: "a store without room, as MinIO says it", err: answer(507, "XMinioStorageFull"), want: job.ErrTransient},
		{name: "HTTP version", err: answer(505, "")},
		{name: "request timeout", err: answer(400, "RequestTimeout"), want: job.ErrTransient},
		{name: "two conditional writes at once", err: answer(409, "ConditionalRequestConflict"), want: job.ErrTransient},
		{name: "operation aborted", err: answer(409, "OperationAborted"), want: job.ErrTransient},
		{name: "stale credentials", err: answer(400, "ExpiredToken"), want: job.ErrTransient},
		{name: "stale clock", err: answer(403, "RequestTimeTooSkewed"), want: job.ErrTransient},
		{name: "deadline", err: fmt.Errorf("operation error: %w", context.DeadlineExceeded), want: job.ErrTransient},
		{
			name: "deadline as the SDK wraps it",
			err:  &smithy.CanceledError{Err: context.DeadlineExceeded},
			want: job.ErrTransient,
		},
		{name: "cancelled", err: &smithy.CanceledError{Err: context.Canceled}, want: job.ErrTransient},
		{name: "body cut short", err: fmt.Errorf("read body: %w", io.ErrUnexpectedEOF), want: job.ErrTransient},
		{name: "connection reset", err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, want: job.ErrTransient},
		{name: "connection refused", err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, want: job.ErrTransient},
		{name: "request not sent", err: &smithyhttp.RequestSendError{Err: io.EOF}, want: job.ErrTransient},
		{name: "access denied", err: answer(403, "AccessDenied"), want: job.ErrAccessDenied},
		{name: "access denied in a body of status 200", err: answer(500, "AccessDenied"), want: job.ErrAccessDenied},
		{name: "access denied by a JSON service", err: answer(400, "AccessDeniedException"), want: job.ErrAccessDenied},
		{name: "forbidden HEAD", err: answer(403, "Forbidden"), want: job.ErrAccessDenied},
		{name: "403 without a code", err: answer(403, ""), want: job.ErrAccessDenied},
		{name: "wrong signature", err: answer(403, "SignatureDoesNotMatch"), want: job.ErrAccessDenied},
		{name: "disabled key", err: answer(400, "KMS.DisabledException"), want: job.ErrAccessDenied},
		{name: "key refused through SNS", err: answer(400, "KMSAccessDenied"), want: job.ErrAccessDenied},
		{name: "archived", err: answer(403, "InvalidObjectState")},
		{name: "missing key", err: answer(404, "NoSuchKey")},
		{name: "precondition", err: answer(412, "PreconditionFailed")},
		{name: "not implemented", err: answer(501, "NotImplemented")},
		{name: "invalid argument", err: answer(400, "InvalidArgument")},
		{name: "no name", err: &net.DNSError{IsNotFound: true}},
		{name: "our own error", err: errors.New("anything")},
		{name: "a meaning given already", err: fmt.Errorf("%w: %w", job.ErrObjectGone, answer(503, "SlowDown"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := awserr.Classify(tt.err)
			if tt.want == nil {
				if got != tt.err { //nolint:errorlint // the same value, not an equal one
					t.Errorf("Classify = %v, want it unchanged", got)
				}
				return
			}
			if !errors.Is(got, tt.want) || !errors.Is(got, tt.err) {
				t.Errorf("Classify = %v, want %v around the cause", got, tt.want)
			}
			for _, other := range []error{job.ErrTransient, job.ErrAccessDenied} {
				if !errors.Is(tt.want, other) && errors.Is(got, other) {
					t.Errorf("Classify = %v is %v too, want one meaning", got, other)
				}
			}
		})
	}
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		err               error
		notFound, precond bool
	}{
		{name: "no error"},
		{name: "no such key", err: &types.NoSuchKey{}, notFound: true},
		{name: "no such version", err: answer(404, "NoSuchVersion"), notFound: true},
		{name: "HEAD", err: &types.NotFound{}, notFound: true},
		{name: "404 without a code", err: answer(404, ""), notFound: true},
		{name: "delete marker", err: answer(405, "MethodNotAllowed"), notFound: true},
		{name: "no such bucket", err: answer(404, "NoSuchBucket")},
		{name: "precondition", err: answer(412, "PreconditionFailed"), precond: true},
		{name: "412 without a code", err: answer(412, ""), precond: true},
		{name: "not modified", err: answer(304, "NotModified")},
		{name: "access denied", err: answer(403, "AccessDenied")},
		{name: "our own error", err: errors.New("anything")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := awserr.NotFound(tt.err); got != tt.notFound {
				t.Errorf("NotFound = %v, want %v", got, tt.notFound)
			}
			if got := awserr.PreconditionFailed(tt.err); got != tt.precond {
				t.Errorf("PreconditionFailed = %v, want %v", got, tt.precond)
			}
		})
	}
}

// TestNoPolicy checks that only the answer about a bucket without a policy is one.
func TestNoPolicy(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"NoSuchBucketPolicy": true, "NoSuchBucket": false, "AccessDenied": false} {
		if got := awserr.NoPolicy(answer(http.StatusNotFound, code)); got != want {
			t.Errorf("%s: got %t, want %t", code, got, want)
		}
	}
	if awserr.NoPolicy(nil) {
		t.Error("no error: got true, want false")
	}
}
