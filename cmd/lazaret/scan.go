package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/rescan"
	"github.com/lazaret/lazaret/internal/stack"
)

// scanExit are the exit codes of lazaret scan. Everything that is no verdict is
// exitNoVerdict, wrong usage too: 1 and 2 are verdicts.
var scanExit = map[job.Verdict]int{job.Clean: 0, job.Infected: 1, job.Unscannable: 2}

const exitNoVerdict = 3

// runScan scans one object version now and reports its verdict.
func runScan(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verdict, err := scan(ctx, args, stdout, stderr)
	code, known := scanExit[verdict]
	switch {
	case errors.Is(err, flag.ErrHelp), err == nil && verdict == job.Clean:
		return err
	case err != nil || !known:
		return exitError{exitNoVerdict, err}
	default:
		return exitError{code, nil}
	}
}

func scan(ctx context.Context, args []string, stdout, stderr io.Writer) (job.Verdict, error) {
	var where deployed
	flags := flag.NewFlagSet("lazaret scan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: lazaret scan [flags] s3://bucket/key[?versionId=version]\n"+
			"exit code: 0 CLEAN, 1 INFECTED, 2 UNSCANNABLE, 3 no verdict")
		flags.PrintDefaults()
	}
	where.flags(flags)
	timeout := flags.Duration("timeout", time.Hour, "how `long` to follow the scan, which goes on without")
	uris, err := arguments(flags, args)
	if err != nil {
		return "", err
	}
	if len(uris) != 1 || *timeout <= 0 {
		fmt.Fprintln(stderr, "lazaret scan: wants one s3://bucket/key, and a --timeout over 0")
		flags.Usage()
		return "", errUsage
	}
	wanted, err := rescan.ParseURI(uris[0])
	if err != nil {
		return "", err
	}
	cfg, s, err := where.find(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	object, err := rescan.Find(ctx, s3Client(cfg), wanted)
	if err != nil {
		return "", err
	}
	execution, err := rescan.Start(ctx, sqsClient(cfg), s, object)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(stdout, "%s, %d bytes\n%s\n", printable(object.String()), object.Size, execution)
	end, err := rescan.Follow(ctx, sfn.NewFromConfig(cfg), execution, func(e rescan.Event) { tellEvent(stdout, e) })
	if err != nil {
		return "", unfinished(err, s)
	}
	return concluded(stdout, s, object, end)
}

// unfinished says what goes on without being followed.
func unfinished(err error, s stack.Stack) error {
	switch {
	case errors.Is(err, rescan.ErrNotStarted):
		return fmt.Errorf("%w: dispatch has not started it; the request is in %s-uploads, or among the dead letters (lazaret redrive)", err, s.Name)
	case errors.Is(err, rescan.ErrRunning):
		return fmt.Errorf("%w: it goes on", err)
	}
	return err
}
