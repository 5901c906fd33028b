package status

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// duration returns a time span as people say it, in its two largest units: "2 days 4 h", "3 h 5 min", "40 s".
func duration(d time.Duration) string {
	d = max(0, d)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%s %d h", count(days, "day", "days"), hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
