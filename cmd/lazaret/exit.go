package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
)

// Exit codes. docs/operations.md shows this table.
const (
	exitDone        = 0   // all of it was done
	exitFailed      = 1   // something failed while the command ran
	exitCannotStart = 2   // wrong usage or configuration: nothing was done
	exitNoVerdict   = 3   // of commands that report a verdict: anything else that ended them
	exitStopped     = 130 // Ctrl-C, or another signal
)

// verdictExit are the exit codes of a command that reports a verdict. Everything
// that is none is exitNoVerdict there, wrong usage too: 1 and 2 are verdicts.
var verdictExit = map[job.Verdict]int{job.Clean: 0, job.Infected: 1, job.Unscannable: 2}

// reportsVerdict is the annotation of a command whose exit code is a verdict.
const reportsVerdict = "reports-verdict"

// usageError is a mistake on the command line. Its error is nil when it has been
// explained already.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// startError is why a command did not get to its work.
type startError struct{ error }

func (e startError) Unwrap() error { return e.error }

// verdictError is the end of a command that reported a verdict other than CLEAN.
type verdictError job.Verdict

func (e verdictError) Error() string { return string(e) }

// stoppedError is what a command that was stopped has to say of what it left.
type stoppedError struct{ error }

func (e stoppedError) Unwrap() error { return e.error }

// exitCode prints the error of a command and returns its exit code.
func exitCode(ctx context.Context, cmd *cobra.Command, err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if v, ok := errors.AsType[verdictError](err); ok {
		return verdictExit[job.Verdict(v)]
	}
	usage, isUsage := errors.AsType[usageError](err)
	_, cannotStart := errors.AsType[startError](err)
	stopped, explained := errors.AsType[stoppedError](err)
	interrupted := ctx.Err() != nil && !isUsage
	switch {
	case interrupted && explained:
		fmt.Fprintln(stderr, "stopped:", stopped)
	case interrupted:
		fmt.Fprintln(stderr, "stopped")
	case isUsage && usage.error == nil: // has been explained
	case isUsage:
		fmt.Fprintln(stderr, usage)
	default:
		fmt.Fprintln(stderr, "lazaret:", err)
	}
	switch {
	case interrupted:
		return exitStopped
	case cmd.Annotations[reportsVerdict] != "":
		return exitNoVerdict
	case isUsage || cannotStart:
		return exitCannotStart
	}
	return exitFailed
}
