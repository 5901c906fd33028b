package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// Check proves one claim about a stack.
type Check struct {
	Name  string   // never changes: programs look for it in the JSON
	Claim string   // what is true when it passes
	Needs []string // IAM actions of the caller, beside those of every run
	Run   func(context.Context, *run) Line
}

// Checks are all of them, in the order of a report.
func Checks() []Check {
	all := []Check{definitionsThere, freshclamRuns, cleanIsClean}
	all = append(all, infectedOnes...)
	all = append(all, encryptedIsUnscannable, unjudgedIsShut, infectedIsShut)
	all = append(all, forgeries...)
	all = append(all, judgedTagsStay, quarantineIsShut, cleanBucketIsShut, existingAreGuarded, poisonIsDead)
	all = append(all, functionsWork...)
	return append(all, alarmsExist, alertsReach, concurrencyIsThere, transitionsAreThere, traceIsWhole)
}

// Outcome is what came of a check.
type Outcome string

// Pass and Fail are about the stack. NotChecked is neither: the caller may not,
// or it could not be told. Off is what a parameter switches off.
const (
	Pass       Outcome = "pass"
	Fail       Outcome = "fail"
	NotChecked Outcome = "not checked"
	Off        Outcome = "off"
)

// Line is what a check came to.
type Line struct {
	Check   string  `json:"check"`
	Claim   string  `json:"claim"`
	Outcome Outcome `json:"outcome"`
	Seen    string  `json:"seen"`
}

func pass(format string, args ...any) Line {
	return Line{Outcome: Pass, Seen: fmt.Sprintf(format, args...)}
}

func fail(format string, args ...any) Line {
	return Line{Outcome: Fail, Seen: fmt.Sprintf(format, args...)}
}

func notChecked(format string, args ...any) Line {
	return Line{Outcome: NotChecked, Seen: fmt.Sprintf(format, args...)}
}

func off(format string, args ...any) Line {
	return Line{Outcome: Off, Seen: fmt.Sprintf(format, args...)}
}

// carryOut runs the check. One that panics, or says nothing, has failed.
func (c Check) carryOut(ctx context.Context, r *run) (line Line) {
	defer func() {
		if p := recover(); p != nil {
			line = fail("the check itself broke: %v", p)
		}
		if line.Outcome == "" || line.Seen == "" {
			line.Outcome, line.Seen = Fail, "the check itself said nothing: "+line.Seen
		}
		line.Check, line.Claim = c.Name, c.Claim
	}()
	return c.Run(ctx, r)
}

// unknown is the line of a check that ended in an error while doing something,
// which took the permission for action.
func unknown(ctx context.Context, err error, doing, action string) Line {
	api, _ := errors.AsType[smithy.APIError](err)
	switch {
	case refused(err):
		return notChecked("you may not %s (%s)", doing, action)
	case api != nil && slices.Contains([]string{"UnknownOperationException", "NotImplemented", "InvalidAction"}, api.ErrorCode()):
		return notChecked("%s: this endpoint cannot: %s", doing, api.ErrorMessage())
	case errors.Is(ctx.Err(), context.Canceled):
		return notChecked("stopped before it could %s", doing)
	case ctx.Err() != nil:
		return fail("no time was left to %s", doing)
	}
	return fail("could not %s: %v", doing, err)
}

// refused reports whether AWS answered that the caller may not.
func refused(err error) bool {
	if err == nil {
		return false
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "AccessDenied",
			"AccessDeniedException",
			"AuthorizationError",
			"AuthorizationErrorException",
			"UnauthorizedOperation",
			"Forbidden",
			"AllAccessDisabled",
			"KMSAccessDeniedException":
			return true
		case "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken":
			return false // 403 as well, and about the caller
		}
	}
	return status(err) == http.StatusForbidden
}

// byPolicy reports whether a refusal says that a policy of the resource denies it,
// and so holds for everyone whom that policy names, whatever else the caller may.
func byPolicy(err error) bool {
	return refused(err) && strings.Contains(err.Error(), "explicit deny in a resource-based policy")
}

// missing reports whether AWS answered that there is no such thing.
func missing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (status(err) == http.StatusNotFound || strings.Contains(api.ErrorCode(), "NonExistent") ||
		strings.Contains(api.ErrorCode(), "DoesNotExist") || strings.Contains(api.ErrorCode(), "NotFound"))
}

// status is that of an error's response, 200 without an error, 0 without an answer.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if answered, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return answered.HTTPStatusCode()
	}
	return 0
}
