package sqs

import (
	"cmp"
	"net/http"

	"github.com/lazaret/lazaret/local/api"
)

var (
	errNoQueue     = api.Refuse("QueueDoesNotExist", "The specified queue does not exist.")
	errNotInFlight = api.Refuse("MessageNotInflight", "The message referred to isn't in flight.")
	errReplaced    = invalid("Value for parameter ReceiptHandle is invalid. " +
		"Reason: Message does not exist or is not available for visibility timeout change.")
)

func invalid(format string, args ...any) *api.Error {
	return api.Refuse("InvalidParameterValue", format, args...)
}

func missing(parameter string) *api.Error {
	return api.Refuse("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func outOfRange(parameter string, value, low, high int) *api.Error {
	return invalid("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.",
		value, parameter, low, high)
}

// queryCodes are the names that errors had in the query protocol, where those differ (the awsQueryError traits of the
// service's Smithy model). boto3 and the CLI show them.
var queryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

func setQueryError(header http.Header, e *api.Error) {
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	header.Set("X-Amzn-Query-Error", cmp.Or(queryCodes[e.Code], e.Code)+";"+fault)
}
