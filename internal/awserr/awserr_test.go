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

// answer is the chain of errors in which the SDK hands over a response.
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
		want error // nil: unchanged
	}{
		{"no error", nil, nil},
		{"slow down", answer(503, "SlowDown"), job.ErrTransient},
		{"throttling with status 400", answer(400, "ThrottlingException"), job.ErrTransient},
		{"throttled by KMS through SQS", answer(400, "KmsThrottled"), job.ErrTransient},
		{"throttled by KMS through S3", answer(400, "KMS.ThrottlingException"), job.ErrTransient},
		{"too many requests without a code", answer(429, ""), job.ErrTransient},
		{"internal error", answer(500, "InternalError"), job.ErrTransient},
		{"internal error in a body of status 200", answer(200, "InternalError"), job.ErrTransient},
		{"bad gateway", answer(502, ""), job.ErrTransient},
		{"a store without room", answer(507, "InsufficientStorage"), job.ErrTransient},
		{"a store without room, as MinIO says it", answer(507, "XMinioStorageFull"), job.ErrTransient},
		{"HTTP version", answer(505, ""), nil},
		{"request timeout", answer(400, "RequestTimeout"), job.ErrTransient},
		{"two conditional writes at once", answer(409, "ConditionalRequestConflict"), job.ErrTransient},
		{"operation aborted", answer(409, "OperationAborted"), job.ErrTransient},
		{"stale credentials", answer(400, "ExpiredToken"), job.ErrTransient},
		{"stale clock", answer(403, "RequestTimeTooSkewed"), job.ErrTransient},
		{"deadline", fmt.Errorf("operation error: %w", context.DeadlineExceeded), job.ErrTransient},
		{"deadline as the SDK wraps it", &smithy.CanceledError{Err: context.DeadlineExceeded}, job.ErrTransient},
		{"cancelled", &smithy.CanceledError{Err: context.Canceled}, job.ErrTransient},
		{"body cut short", fmt.Errorf("read body: %w", io.ErrUnexpectedEOF), job.ErrTransient},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, job.ErrTransient},
		{"connection refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, job.ErrTransient},
		{"request not sent", &smithyhttp.RequestSendError{Err: io.EOF}, job.ErrTransient},
		{"access denied", answer(403, "AccessDenied"), job.ErrAccessDenied},
		{"access denied in a body of status 200", answer(500, "AccessDenied"), job.ErrAccessDenied},
		{"access denied by a JSON service", answer(400, "AccessDeniedException"), job.ErrAccessDenied},
		{"forbidden HEAD", answer(403, "Forbidden"), job.ErrAccessDenied},
		{"403 without a code", answer(403, ""), job.ErrAccessDenied},
		{"wrong signature", answer(403, "SignatureDoesNotMatch"), job.ErrAccessDenied},
		{"disabled key", answer(400, "KMS.DisabledException"), job.ErrAccessDenied},
		{"key refused through SNS", answer(400, "KMSAccessDenied"), job.ErrAccessDenied},
		{"archived", answer(403, "InvalidObjectState"), nil},
		{"missing key", answer(404, "NoSuchKey"), nil},
		{"precondition", answer(412, "PreconditionFailed"), nil},
		{"not implemented", answer(501, "NotImplemented"), nil},
		{"invalid argument", answer(400, "InvalidArgument"), nil},
		{"no name", &net.DNSError{IsNotFound: true}, nil},
		{"our own error", errors.New("anything"), nil},
		{"a meaning given already", fmt.Errorf("%w: %w", job.ErrObjectGone, answer(503, "SlowDown")), nil},
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
					t.Errorf("Classify = %v is %v too", got, other)
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
		{"no error", nil, false, false},
		{"no such key", &types.NoSuchKey{}, true, false},
		{"no such version", answer(404, "NoSuchVersion"), true, false},
		{"HEAD", &types.NotFound{}, true, false},
		{"404 without a code", answer(404, ""), true, false},
		{"delete marker", answer(405, "MethodNotAllowed"), true, false},
		{"no such bucket", answer(404, "NoSuchBucket"), false, false},
		{"precondition", answer(412, "PreconditionFailed"), false, true},
		{"412 without a code", answer(412, ""), false, true},
		{"not modified", answer(304, "NotModified"), false, false},
		{"access denied", answer(403, "AccessDenied"), false, false},
		{"our own error", errors.New("anything"), false, false},
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
