package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
)

// Says returns the text of an error for people: in place of what the SDK says about an operation, such as statuses, ids
// of requests and numbers of attempts, it has the service, the operation, and AWS's answer.
func Says(err error) string {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return err.Error()
	}
	api, answered := errors.AsType[smithy.APIError](operation.Err)
	sending, sent := errors.AsType[*url.Error](operation.Err)
	noAnswer := fmt.Sprintf("%s gave no answer to %s", operation.ServiceID, operation.OperationName)
	says := ""
	switch {
	case answered:
		says = fmt.Sprintf("%s answered %s to %s", operation.ServiceID, api.ErrorCode(), operation.OperationName)
		if api.ErrorMessage() != "" {
			says += ": " + api.ErrorMessage()
		}
	case errors.Is(operation.Err, context.DeadlineExceeded):
		says = noAnswer + " in time"
	case sent:
		says = noAnswer + ": " + sending.Err.Error()
	default:
		says = noAnswer + ": " + operation.Err.Error()
	}
	return strings.Replace(err.Error(), operation.Error(), says, 1)
}
