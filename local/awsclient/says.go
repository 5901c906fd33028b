package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
)

// Says returns the text of an error for people: in place of what the SDK says about operations, such as statuses, ids
// of requests and numbers of attempts, it has the service, the operation, and AWS's answer.
func Says(err error) string {
	text, all := err.Error(), operations(err)
	for _, operation := range all {
		text = strings.Replace(text, operation.Error(), answer(operation), 1)
	}
	if len(all) > 1 {
		text = strings.ReplaceAll(text, "\n", "; ") // errors.Join puts each on a line
	}
	return text
}

// operations returns the errors of operations in an error, without those within another.
func operations(err error) (all []*smithy.OperationError) {
	switch err := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
	case *smithy.OperationError:
		return []*smithy.OperationError{err}
	case interface{ Unwrap() error }:
		return operations(err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			all = append(all, operations(part)...)
		}
	}
	return all
}

// answer says what became of an operation.
func answer(operation *smithy.OperationError) string {
	api, answered := errors.AsType[smithy.APIError](operation.Err)
	sending, sent := errors.AsType[*url.Error](operation.Err)
	noAnswer := fmt.Sprintf("%s gave no answer to %s", operation.ServiceID, operation.OperationName)
	switch {
	case answered:
		says := fmt.Sprintf("%s answered %s to %s", operation.ServiceID, api.ErrorCode(), operation.OperationName)
		if api.ErrorMessage() != "" {
			says += ": " + api.ErrorMessage()
		}
		return says
	case errors.Is(operation.Err, context.DeadlineExceeded):
		return noAnswer + " in time"
	case sent:
		return noAnswer + ": " + sending.Err.Error()
	}
	return noAnswer + ": " + operation.Err.Error()
}
