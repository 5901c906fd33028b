package sqs

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
)

// Error is an error of the SQS API.
type Error struct {
	Code    string // the shape's name in the JSON protocol, "QueueDoesNotExist"
	Message string
}

// Error returns the code and the message, as SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

var (
	errNoQueue     = &Error{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}
	errNotInFlight = &Error{Code: "MessageNotInflight", Message: "The message referred to isn't in flight."}
	errReplaced    = &Error{Code: "InvalidParameterValue", Message: "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."}
)

func invalid(format string, args ...any) *Error {
	return &Error{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...)}
}

func missing(parameter string) *Error {
	return &Error{Code: "MissingParameter", Message: "The request must contain the parameter " + parameter + "."}
}

func outOfRange(parameter string, value, low, high int) *Error {
	return invalid("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", value, parameter, low, high)
}

// queryCodes are the names that errors had in the query protocol where those
// differ (the awsQueryError traits of the service's Smithy model). boto3 and the
// CLI show them, and SDKs of that age know no others.
var queryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
}

// asError turns any error into what the API answers, and its HTTP status.
func asError(err error) (*Error, int) {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return &Error{Code: "InternalFailure", Message: err.Error()}, http.StatusInternalServerError
	case e.Code == "ResourceNotFoundException" || e.Code == "ReceiptHandleIsInvalid":
		return e, http.StatusNotFound
	default:
		return e, http.StatusBadRequest
	}
}

// queryError is the value of x-amzn-query-error.
func (e *Error) queryError(status int) string {
	fault := "Sender"
	if status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	return cmp.Or(queryCodes[e.Code], e.Code) + ";" + fault
}
