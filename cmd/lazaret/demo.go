package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"time"

	"github.com/lazaret/lazaret/local"
	"github.com/lazaret/lazaret/local/demo"
)

// runDemo starts a stack of its own, sends the samples through it, and stops it.
func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var templatePath, layout string
	flags := flag.NewFlagSet("lazaret demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&templatePath, "template", "template.yaml", "the application; paths in it, and build/, are relative to its folder")
	flags.StringVar(&layout, "layout", "two-bucket", "two-bucket or three-bucket")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	stack, err := local.Start(ctx, local.Config{
		Template: templatePath, Parameters: map[string]string{"BucketLayout": layout},
		Scale: 10, // a first engine takes a moment; waiting seconds for it would be dull
	})
	if err != nil {
		return startError{err}
	}
	// Everything is decided in a fraction of this.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return errors.Join(demo.Run(ctx, stdout, stack.Endpoint, stack.Application), stack.Close())
}
