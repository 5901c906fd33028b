package states

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of the language itself, from the appendix of the Amazon States Language specification.
const (
	errAll             = "States.ALL"
	errTaskFailed      = "States.TaskFailed"
	errTimeout         = "States.Timeout"
	errRuntime         = "States.Runtime"
	errDataLimit       = "States.DataLimitExceeded"
	errNoChoice        = "States.NoChoiceMatched"
	errParameterPath   = "States.ParameterPathFailure"
	errResultPathMatch = "States.ResultPathMatchFailure"
	errItemReader      = "States.ItemReaderFailed"
	errResultWriter    = "States.ResultWriterFailed"
	errTooManyFailures = "States.ExceedToleratedFailureThreshold"
)

// terminalErrors are not caught by States.ALL. The first two are documented so ("Handling errors in Step Functions
// workflows"). The service reports the other two as States.Runtime: a machine whose wildcard caught them here would
// work locally and fail on AWS.
var terminalErrors = []string{errRuntime, errDataLimit, errNoChoice, errParameterPath}

// failure is an error that the machine can handle: Retry and Catch compare the name, people read the cause.
type failure struct {
	name, cause string
	located     bool // cause names the state already, or comes from a task
}

func (f *failure) Error() string { return f.name + ": " + f.cause }

// fail makes an error of the interpreter. The state in which it happens adds its name to the cause.
func fail(name, format string, args ...any) *failure {
	return &failure{name: name, cause: fmt.Sprintf(format, args...)}
}

// external makes an error of a task or a Fail state, whose cause AWS does not change.
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
