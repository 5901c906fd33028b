package states

import (
	"errors"
	"fmt"
	"slices"
)

// Names of errors that the language itself reports, from the appendix of the
// Amazon States Language specification.
const (
	errAll             = "States.ALL"
	errTaskFailed      = "States.TaskFailed"
	errTimeout         = "States.Timeout"
	errRuntime         = "States.Runtime"
	errDataLimit       = "States.DataLimitExceeded"
	errNoChoice        = "States.NoChoiceMatched"
	errParameterPath   = "States.ParameterPathFailure"
	errResultPathMatch = "States.ResultPathMatchFailure"
)

// terminalErrors end the execution past States.ALL. The first two are documented
// so ("Handling errors in Step Functions workflows"); the other two the service
// reports as States.Runtime, so a wildcard that caught them here would be a
// machine that works locally and dies on AWS.
var terminalErrors = []string{errRuntime, errDataLimit, errNoChoice, errParameterPath}

// failure is an error that the machine can see: a name for Retry and Catch and a
// cause for people.
type failure struct {
	name, cause string
	located     bool // cause says in which state it happened, or comes from outside
}

func (f *failure) Error() string { return f.name + ": " + f.cause }

// fail reports an error of the interpreter's own; the state that it happens in
// adds its name to the cause.
func fail(name, format string, args ...any) *failure {
	return &failure{name: name, cause: fmt.Sprintf(format, args...)}
}

// external reports an error of a task or a Fail state, whose cause AWS leaves as
// it is.
func external(name, cause string) *failure {
	const limit = 32_768 // the API's maximum length of a cause
	if len(cause) > limit {
		cause = cause[:limit]
	}
	return &failure{name: name, cause: cause, located: true}
}

func (f *failure) terminal() bool { return slices.Contains(terminalErrors, f.name) }

// matches decides whether an ErrorEquals list names the failure.
func (f *failure) matches(names []string) bool {
	if f.name == errRuntime {
		return false
	}
	for _, n := range names {
		switch {
		case n == f.name:
			return true
		case f.terminal():
		case n == errAll:
			return true
		case n == errTaskFailed && f.name != errTimeout:
			return true
		}
	}
	return false
}

// asFailure tells a machine's error from an interruption of the execution.
func asFailure(err error) (*failure, bool) {
	var f *failure
	ok := errors.As(err, &f)
	return f, ok
}
