package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local"
	"github.com/lazaret/lazaret/local/demo"
)

// demoCommand starts a stack of its own, sends the samples through it, and stops it.
func demoCommand() *cobra.Command {
	var templatePath, layout, sandbox string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Send samples through a local stack and show their verdicts",
		Example: `  lazaret demo
  lazaret demo --layout three-bucket`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			slog.SetDefault(slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})))
			ctx := cmd.Context()
			fmt.Fprintln(cmd.OutOrStdout(), "starting the application of", templatePath, "on this machine")
			stack, err := local.Start(ctx, local.Config{
				Template: templatePath, Parameters: map[string]string{"BucketLayout": layout},
				Sandbox: sandbox,
				Scale:   10, // a first engine takes a moment; waiting seconds for it would be dull
			})
			if err != nil {
				return startError{err}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "sandbox:", stack.Sandbox())
			// Everything is decided in a fraction of this.
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			err = demo.Run(ctx, cmd.OutOrStdout(), stack.Endpoint, stack.Application)
			if err == nil {
				err = verifyDemo(ctx, cmd.OutOrStdout(), stack)
			}
			if err == nil {
				fmt.Fprint(cmd.OutOrStdout(), demo.Next)
			}
			return errors.Join(err, stack.Close())
		},
	}
	cmd.Flags().StringVar(&templatePath, "template", "template.yaml", "the application; paths in it, and build/, are relative to its folder")
	cmd.Flags().StringVar(&layout, "layout", "two-bucket", "two-bucket or three-bucket")
	choices(cmd, "layout", "two-bucket", "three-bucket")
	sandboxFlag(cmd, &sandbox)
	return cmd
}
