// Package awserr says what an error of the AWS SDK means to the state machine:
// wait and ask again, or a refusal. It decides nothing about absence: whether a
// missing key is a vanished object or a copy not made yet is known only to the
// caller, who asks NotFound and PreconditionFailed. Every function that talks
// to AWS passes its errors through Classify once; nothing here retries.
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

// transient holds the codes that pass by waiting and that the SDK's own lists
// lack, because its retries are over in seconds. The conflicts are S3's answer
// to two conditional writes of one key; credentials and clocks go stale while
// Lambda freezes an environment.
var transient = map[string]struct{}{
	"InternalError": {}, "InternalFailure": {}, "ServiceUnavailable": {}, "RequestExpired": {},
	"OperationAborted": {}, "ConditionalRequestConflict": {},
	"ExpiredToken": {}, "ExpiredTokenException": {}, "RequestTimeTooSkewed": {},
}

// refused holds the codes of a refusal by policy. JSON services answer them
// with status 400, so the status alone is not enough; HEAD says Forbidden.
var refused = map[string]struct{}{
	"AccessDenied": {}, "AccessDeniedException": {}, "AuthorizationError": {},
	"AuthorizationErrorException": {}, "Forbidden": {}, "UnauthorizedOperation": {},
}

// passing is the SDK's judgement of codes, statuses and connections, extended.
var passing = retry.IsErrorRetryables(append([]retry.IsErrorRetryable{
	retry.RetryableErrorCode{Codes: transient},
}, retry.DefaultRetryables...))

// Classify wraps err with the error of package job that it means to the state
// machine: job.ErrAccessDenied for a refusal by policy or key, job.ErrTransient
// for throttling, a service's own failure, a timeout or a cut connection. Any
// other error is returned as it is, nil and errors that carry a meaning already
// among them.
func Classify(err error) error {
	switch {
	case err == nil || job.Name(err) != job.Unnamed:
		return err
	case denied(err):
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	case passes(err):
		return fmt.Errorf("%w: %w", job.ErrTransient, err)
	// Last, since a stale token or clock is a 403 as well. So is an archived
	// object, which no policy refuses.
	case Status(err) == http.StatusForbidden && code(err) != "InvalidObjectState":
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	}
	return err
}

// NotFound reports whether err says that an object or one version of it is not
// there. A missing bucket is a mistake in the configuration and does not count,
// except with HeadObject, whose answer names no cause. The 405 of a version
// that is a delete marker counts: it has no bytes and no tags.
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

// PreconditionFailed reports whether err is S3's 412: If-Match or
// If-None-Match did not hold, on the source or the destination of a copy.
func PreconditionFailed(err error) bool {
	return code(err) == "PreconditionFailed" || Status(err) == http.StatusPreconditionFailed
}

// denied knows refusals by code. Those of a key come as KMS.DisabledException
// (S3), KMSAccessDenied (SNS) and KmsAccessDenied (SQS), with status 400.
func denied(err error) bool {
	c := code(err)
	if _, ok := refused[c]; ok {
		return true
	}
	lower := strings.ToLower(c)
	return strings.HasPrefix(lower, "kms") && !strings.Contains(lower, "throttl")
}

// passes reports whether the same request may succeed later. The SDK does not
// retry what its caller cancelled; here the caller is Lambda's clock, and the
// state machine has another.
func passes(err error) bool {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case strings.Contains(strings.ToLower(code(err)), "throttl"), Status(err) == http.StatusTooManyRequests:
		return true
	}
	if s := Status(err); s >= http.StatusInternalServerError && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported {
		return true // the SDK knows four of them; 507 is a store without room
	}
	return passing.IsErrorRetryable(err) == aws.TrueTernary
}

// code is the service's name for the error, or "".
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Status is the HTTP status of the response, or 0 when there was none.
func Status(err error) int {
	var r interface{ HTTPStatusCode() int }
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}
