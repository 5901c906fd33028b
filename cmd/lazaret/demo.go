package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lazaret/lazaret/local"
	"github.com/lazaret/lazaret/local/demo"
)

// runDemo starts a stack of its own, sends the samples through it, and stops it.
func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var templatePath, layout, sandbox string
	flags := flag.NewFlagSet("lazaret demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&templatePath, "template", "template.yaml", "the application; paths in it, and build/, are relative to its folder")
	flags.StringVar(&layout, "layout", "two-bucket", "two-bucket or three-bucket")
	flags.StringVar(&sandbox, "sandbox", local.SandboxAuto, "confine functions as Lambda does: on (all of it, or nothing starts), off, or auto (as much as this machine allows)")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	stack, err := local.Start(ctx, local.Config{
		Template: templatePath, Parameters: map[string]string{"BucketLayout": layout},
		Sandbox: sandbox,
		Scale:   10, // a first engine takes a moment; waiting seconds for it would be dull
	})
	if err != nil {
		return startError{err}
	}
	fmt.Fprintln(stdout, "sandbox:", stack.Sandbox())
	// Everything is decided in a fraction of this.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return errors.Join(demo.Run(ctx, stdout, stack.Endpoint, stack.Application), stack.Close())
}
