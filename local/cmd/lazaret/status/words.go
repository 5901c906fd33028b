package status

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// notKnown is the answer about a part that could not be read. The caller was doing something for which it needs the
// permission for action.
func notKnown(err error, doing, action string) Answer {
	api, _ := errors.AsType[smithy.APIError](err)
	refused := errors.Is(err, history.ErrRefused) || api != nil && (api.ErrorCode() == "AccessDenied" ||
		api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AuthorizationError")
	switch {
	case refused:
		return Answer{State: NotKnown, Says: "you may not " + doing, Do: "ask for the permission " + action}
	case errors.Is(err, context.DeadlineExceeded):
		return Answer{State: NotKnown, Says: "no answer in time: " + doing}
	}
	return Answer{State: NotKnown, Says: fmt.Sprintf("could not %s: %v", doing, err)}
}

// count returns "1 permit is" or "2 permits are".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
