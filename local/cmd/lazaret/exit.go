package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// Exit codes. docs/operations.md shows this table.
const (
	exitDone        = 0   // everything was done
	exitFailed      = 1   // something failed while the command ran
	exitCannotStart = 2   // wrong usage or configuration: nothing was done
	exitNoVerdict   = 3   // a command that reports a verdict ended without one
	exitStopped     = 130 // Ctrl-C, or another signal
)

// verdictExit returns the exit code of a command that reports a verdict. Such a command ends with exitNoVerdict in all
// other cases, wrong usage included, because its exit codes 1 and 2 are verdicts.
func verdictExit(v job.Verdict) int {
	switch v {
	case job.Clean:
		return 0
	case job.Infected:
		return 1
	case job.Unscannable:
		return 2
	}
	return exitNoVerdict
}

// reportsVerdict is the annotation of a command whose exit code is a verdict.
const reportsVerdict = "reports-verdict"

// usageError is a mistake on the command line. Without an error inside, the mistake has been explained already.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// startError is the reason why a command could not begin its work.
type startError struct{ error }

func (e startError) Unwrap() error { return e.error }

// verdictError ends a command that has reported another verdict than CLEAN.
type verdictError job.Verdict

func (e verdictError) Error() string { return string(e) }

// stoppedError says what a stopped command has left.
type stoppedError struct{ error }

func (e stoppedError) Unwrap() error { return e.error }

// exitCode prints the error of a command and returns its exit code.
func exitCode(ctx context.Context, cmd *cobra.Command, err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if v, ok := errors.AsType[verdictError](err); ok {
		return verdictExit(job.Verdict(v))
	}
	usage, isUsage := errors.AsType[usageError](err)
	_, cannotStart := errors.AsType[startError](err)
	cannotStart = cannotStart || errors.Is(err, deployment.ErrNotFound)
	stopped, isStopped := errors.AsType[stoppedError](err)
	interrupted := ctx.Err() != nil && !isUsage
	switch {
	case interrupted && isStopped:
		fmt.Fprintln(stderr, "stopped:", stopped)
	case interrupted:
		fmt.Fprintln(stderr, "stopped")
	case isUsage && usage.error == nil: // explained already
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
