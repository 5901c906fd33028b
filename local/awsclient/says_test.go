package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/local/awsclient"
)

func TestSays(t *testing.T) {
	t.Parallel()
	operation := func(err error) error {
		return &smithy.OperationError{ServiceID: "SQS", OperationName: "ReceiveMessage", Err: fmt.Errorf(
			"https response error StatusCode: 403, RequestID: 7, %w", err)}
	}
	denied := &smithy.GenericAPIError{
		Code: "AccessDenied", Message: "User: u is not authorized to perform: sqs:receivemessage on resource: q",
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"refused": {
			fmt.Errorf("receive dead letters: %w: left", operation(denied)),
			"receive dead letters: SQS answered AccessDenied to ReceiveMessage: User: u is not authorized to perform: " +
				"sqs:receivemessage on resource: q: left",
		},
		"refused without a message": {
			operation(&smithy.GenericAPIError{Code: "Forbidden"}), "SQS answered Forbidden to ReceiveMessage",
		},
		"no connection": {
			fmt.Errorf("list: %w", operation(&url.Error{Op: "Post", URL: "http://x/", Err: errors.New("refused")})),
			"list: SQS gave no answer to ReceiveMessage: refused",
		},
		"too late": {operation(context.DeadlineExceeded), "SQS gave no answer to ReceiveMessage in time"},
		"two": {
			errors.Join(fmt.Errorf("%w: %w", errors.New("list"), operation(denied)), operation(context.DeadlineExceeded)),
			"list: SQS answered AccessDenied to ReceiveMessage: User: u is not authorized to perform: sqs:receivemessage " +
				"on resource: q; SQS gave no answer to ReceiveMessage in time",
		},
		"not of an AWS client": {errors.New("other"), "other"},
	} {
		if got := awsclient.Says(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
