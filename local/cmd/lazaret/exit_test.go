package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// TestExitCode checks the exit codes on which scripts rely. No error may have the exit code of a verdict.
func TestExitCode(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	plain, verdict := &cobra.Command{}, &cobra.Command{Annotations: map[string]string{reportsVerdict: "yes"}}
	broken := errors.New("broken")
	tests := []struct {
		name string
		ctx  context.Context
		cmd  *cobra.Command
		err  error
		code int
		want string // on standard error
	}{
		{"done", t.Context(), plain, nil, exitDone, ""},
		{"done before it was stopped", stopped, plain, nil, exitDone, ""},
		{"failed", t.Context(), plain, broken, exitFailed, "lazaret: broken\n"},
		{"could not start", t.Context(), plain, startError{broken}, exitCannotStart, "lazaret: broken\n"},
		{
			"no such stack", t.Context(), plain, fmt.Errorf("list: %w", deployment.ErrNotFound), exitCannotStart,
			"lazaret: list: no such stack\n",
		},
		{"wrong usage", t.Context(), plain, usageError{broken}, exitCannotStart, "broken\n"},
		{"wrong usage, explained already", t.Context(), plain, usageError{}, exitCannotStart, ""},
		{"stopped", stopped, plain, fmt.Errorf("read: %w", context.Canceled), exitStopped, "stopped\n"},
		{"stopped while starting", stopped, plain, startError{context.Canceled}, exitStopped, "stopped\n"},
		{
			"stopped, with something left", stopped, plain,
			stoppedError{errors.New("the rest is left")},
			exitStopped, "stopped: the rest is left\n",
		},
		{
			"ended by a timeout", t.Context(), verdict,
			stoppedError{errors.New("it goes on")},
			exitNoVerdict, "lazaret: it goes on\n",
		},
		{"verdict stopped", stopped, verdict, context.Canceled, exitStopped, "stopped\n"},
		{"clean", t.Context(), verdict, nil, exitDone, ""},
		{"infected", t.Context(), verdict, verdictError(job.Infected), 1, ""},
		{"unscannable", t.Context(), verdict, verdictError(job.Unscannable), 2, ""},
		{"unscannable, and then Ctrl-C", stopped, verdict, verdictError(job.Unscannable), 2, ""},
		{"no verdict", t.Context(), verdict, broken, exitNoVerdict, "lazaret: broken\n"},
		{"no verdict for no stack", t.Context(), verdict, startError{broken}, exitNoVerdict, "lazaret: broken\n"},
		{"no verdict for wrong usage", t.Context(), verdict, usageError{broken}, exitNoVerdict, "broken\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stderr strings.Builder
			code := exitCode(test.ctx, test.cmd, test.err, &stderr)
			if code != test.code || stderr.String() != test.want {
				t.Errorf("got exit code %d and %q, want %d and %q", code, stderr.String(), test.code, test.want)
			}
		})
	}
}

func TestExitCodesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{exitDone, exitFailed, exitCannotStart, exitNoVerdict, exitStopped} {
		if !strings.Contains(string(page), fmt.Sprintf("\n| %d |", code)) {
			t.Errorf("docs/operations.md does not list exit code %d", code)
		}
	}
	for _, verdict := range []job.Verdict{job.Clean, job.Infected, job.Unscannable} {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \|.*\| %s \|$`, verdictExit(verdict), verdict))
		if !row.Match(page) {
			t.Errorf("docs/operations.md has no row %s", row)
		}
	}
}
