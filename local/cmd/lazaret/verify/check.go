package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/local/awsclient"
)

// Check tests one claim about a stack.
type Check struct {
	Name  string   // never changes, because programs read it in the JSON
	Claim string   // what is true if the check passes
	Needs []string // IAM actions that the caller needs, beside those that every run needs
	Run   func(context.Context, *run) Line
}

// Checks returns all checks in the order of the report.
func Checks() []Check {
	all := []Check{checkDefinitions, checkFreshclam, checkClean}
	all = append(all, checkEicars...)
	all = append(all, checkEncrypted, checkGateUnjudged, checkGateInfected)
	all = append(all, checkForgeries...)
	all = append(all, checkVerdictStays, checkQuarantineShut, checkCleanShut, checkExistingBuckets)
	all = append(all, checkTrials, checkDecisions)
	all = append(all, checkPoison, checkCanary, checkCanaryStays)
	all = append(all, checkFunctions...)
	all = append(all, checkExpress, checkPermits, checkRescans, checkSweep, checkRetroScan)
	return append(all, checkAlarms, checkAlerts, checkConcurrency, checkTransitions, checkWholeTrace)
}

// Outcome is the result of a check.
type Outcome string

// Pass and Fail are about the stack. NotChecked says that the caller may not make the check, or that the check could
// not decide. Off says that a parameter switches the claim off.
const (
	Pass       Outcome = "pass"
	Fail       Outcome = "fail"
	NotChecked Outcome = "not checked"
	Off        Outcome = "off"
)

// Line is the line of a check in the report.
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

// execute runs the check. A check that panics, or returns an empty line, has failed.
func (c Check) execute(ctx context.Context, r *run) (line Line) {
	defer func() {
		if p := recover(); p != nil {
			line = fail("the check itself panicked: %v", p)
		}
		if line.Outcome == "" || line.Seen == "" {
			line.Outcome, line.Seen = Fail, "the check itself said nothing: "+line.Seen
		}
		line.Check, line.Claim = c.Name, c.Claim
	}()
	return c.Run(ctx, r)
}

// errorLine returns the line of a check that ended with an error. The check was doing something for which the caller
// needs the permission for action.
func errorLine(ctx context.Context, err error, doing, action string) Line {
	api, _ := errors.AsType[smithy.APIError](err)
	switch {
	case refused(err):
		return notChecked("you may not %s (%s)", doing, action)
	case api != nil &&
		slices.Contains([]string{"UnknownOperationException", "NotImplemented", "InvalidAction"}, api.ErrorCode()):
		return notChecked("%s: this endpoint cannot: %s", doing, api.ErrorMessage())
	case errors.Is(ctx.Err(), context.Canceled):
		return notChecked("stopped before it could %s", doing)
	case ctx.Err() != nil:
		return fail("no time was left to %s", doing)
	}
	return fail("could not %s: %v", doing, err)
}

// refused reports whether AWS answered that the caller lacks a permission.
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
			return false // 403 too, and about the caller's credentials
		}
	}
	return awsclient.Status(err) == http.StatusForbidden
}

// deniedByPolicy reports whether a refusal says that a policy of the resource denies the request. Such a denial is
// independent of the caller's own permissions.
func deniedByPolicy(err error) bool {
	return refused(err) && strings.Contains(err.Error(), "explicit deny in a resource-based policy")
}

// isMissing reports whether AWS answered that the resource does not exist.
func isMissing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (awsclient.Status(err) == http.StatusNotFound || strings.Contains(api.ErrorCode(), "NonExistent") ||
		strings.Contains(api.ErrorCode(), "DoesNotExist") || strings.Contains(api.ErrorCode(), "NotFound"))
}
