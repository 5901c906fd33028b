// Package awserr tells what an error of the AWS SDK means to the state machine: that the same request
// may succeed later, or that a policy refuses it. Each function that calls AWS passes its errors
// through Classify once; nothing here retries. Whether a missing object is an error depends on the
// caller, who asks NotFound and PreconditionFailed.
package awserr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
)

// transientCodes are error codes after which the same request may succeed later, and that the SDK's
// own lists lack because its retries end within seconds. OperationAborted and
// ConditionalRequestConflict are S3's answers to two conditional writes of one key. Credentials expire
// and clocks differ while Lambda freezes an environment.
var transientCodes = map[string]struct{}{
	"InternalError": {}, "InternalFailure": {}, "ServiceUnavailable": {}, "RequestExpired": {},
	"OperationAborted": {}, "ConditionalRequestConflict": {},
	"ExpiredToken": {}, "ExpiredTokenException": {}, "RequestTimeTooSkewed": {},
}

// refusedCodes are error codes of a refusal by policy. JSON services send them with status 400, so
// that the status is not enough; HEAD requests get Forbidden.
var refusedCodes = map[string]struct{}{
	"AccessDenied": {}, "AccessDeniedException": {}, "AuthorizationError": {},
	"AuthorizationErrorException": {}, "Forbidden": {}, "UnauthorizedOperation": {},
}

// retryable is the SDK's own judgement of codes, statuses and connections, with transientCodes added.
var retryable = retry.IsErrorRetryables(append([]retry.IsErrorRetryable{
	retry.RetryableErrorCode{Codes: transientCodes},
}, retry.DefaultRetryables...))

// Classify wraps err with the error of package job that it stands for: job.ErrAccessDenied for a
// refusal by a policy or a KMS key; job.ErrTransient for throttling, a failure of the service, a
// timeout or a broken connection. Any other error is returned as it is, and so are nil and errors that
// already wrap an error of package job.
func Classify(err error) error {
	switch {
	case err == nil || job.Name(err) != job.Unnamed:
		return err
	case isRefusal(err):
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	case isTransient(err):
		return fmt.Errorf("%w: %w", job.ErrTransient, err)
	// Last, because expired tokens and wrong clocks are a 403 too. An archived object also is, but no
	// policy refuses it.
	case Status(err) == http.StatusForbidden && code(err) != "InvalidObjectState":
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	}
	return err
}

// NotFound reports whether err says that an object or one version of it does not exist. A missing
// bucket is a mistake in the configuration and does not count, except with HeadObject, whose answer
// names no cause. Status 405, which S3 sends for a version that is a delete marker, counts.
func NotFound(err error) bool {
	switch code(err) {
	case "NoSuchBucket":
		return false
	case "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed":
		return true
	}
	s := Status(err)
	return s == http.StatusNotFound || s == http.StatusMethodNotAllowed
}

// PreconditionFailed reports whether err is S3's 412: the condition If-Match or If-None-Match did not
// hold, for the source or the destination of a copy.
func PreconditionFailed(err error) bool {
	return code(err) == "PreconditionFailed" || Status(err) == http.StatusPreconditionFailed
}

// Conflict reports whether err is S3's 409: another conditional write of the same key was under way.
func Conflict(err error) bool { return Status(err) == http.StatusConflict }

// NotModified reports whether err is S3's 304: the condition If-None-Match did not hold, so that the caller's copy of
// the object is the current one.
func NotModified(err error) bool { return Status(err) == http.StatusNotModified }

// NoPolicy reports whether err says that a bucket has no policy.
func NoPolicy(err error) bool { return code(err) == "NoSuchBucketPolicy" }

// isRefusal recognises a refusal by its code. The codes for a KMS key are KMS.DisabledException (S3),
// KMSAccessDenied (SNS) and KmsAccessDenied (SQS), with status 400.
func isRefusal(err error) bool {
	c := code(err)
	if _, ok := refusedCodes[c]; ok {
		return true
	}
	lower := strings.ToLower(c)
	return strings.HasPrefix(lower, "kms") && !strings.Contains(lower, "throttl")
}

// isTransient reports whether the same request may succeed later. The SDK does not retry after the
// context has ended; here that is the end of the invocation, and the state machine starts another one.
func isTransient(err error) bool {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case strings.Contains(strings.ToLower(code(err)), "throttl"), Status(err) == http.StatusTooManyRequests:
		return true
	}
	// The SDK retries four of the 5xx statuses. Another one is 507, of a store that is full.
	s := Status(err)
	if s >= 500 && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported {
		return true
	}
	return retryable.IsErrorRetryable(err) == aws.TrueTernary
}

// code returns the error code that the service sent, or "".
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Status returns the HTTP status of the response, or 0 if there was none.
func Status(err error) int {
	var r interface{ HTTPStatusCode() int }
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}
