package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/lazaret/lazaret/cmd/lazaret/verify"
)

// runVerify is the acceptance test of a deployed stack.
func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var where deployed
	var output string
	flags := flag.NewFlagSet("lazaret verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	where.flags(flags)
	flags.StringVar(&output, "output", "table", "table or json")
	extra, err := arguments(flags, args)
	if err != nil {
		return err
	}
	if len(extra) > 0 || output != "table" && output != "json" {
		fmt.Fprintln(stderr, "lazaret verify: wants no arguments, and --output table or json")
		flags.Usage()
		return errUsage
	}
	cfg, err := where.config(ctx)
	if err != nil {
		return err
	}
	report, err := verify.Run(ctx, verify.Options{Config: cfg, Stack: where.stack, JSON: output == "json"}, stdout, stderr)
	switch {
	case errors.Is(err, verify.ErrStart):
		return startError{err}
	case err != nil:
		return err
	case report.Stopped:
		return exitError{exitStopped, nil}
	case report.Wrong:
		return exitError{exitFailed, nil} // the report has said what
	}
	return nil
}
