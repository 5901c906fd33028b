package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/cmd/lazaret/demo"
	"github.com/lazaret/lazaret/local/stack"
)

// demoCommand starts a local stack, uploads samples to it, shows their verdicts, and stops it.
func demoCommand() *cobra.Command {
	var templatePath, layout, workflow, sandbox string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Send samples through a local stack and show their verdicts",
		Example: `  lazaret demo
  lazaret demo --layout three-bucket
  lazaret demo --workflow EXPRESS`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			slog.SetDefault(
				slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
			)
			ctx := cmd.Context()
			fmt.Fprintln(cmd.OutOrStdout(), "starting the application of", templatePath, "on this machine")
			running, err := stack.Start(ctx, stack.Config{
				Template: templatePath, Sandbox: sandbox,
				Parameters: map[string]string{"BucketLayout": layout, "Workflow": workflow},
				Scale:      10, // so that nobody waits seconds for the first engine
			})
			if err != nil {
				return startError{err}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "sandbox:", running.Sandbox)
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			err = demo.Run(ctx, cmd.OutOrStdout(), running.Endpoint, running.Application)
			if err == nil {
				err = verifyDemo(ctx, cmd.OutOrStdout(), running)
			}
			if err == nil {
				fmt.Fprint(cmd.OutOrStdout(), demo.Next)
			}
			return errors.Join(err, running.Close())
		},
	}
	cmd.Flags().StringVar(&templatePath, "template", "template.yaml",
		"the application; paths in it, and build/, are relative to its folder")
	cmd.Flags().StringVar(&layout, "layout", "two-bucket", "two-bucket or three-bucket")
	completeFlag(cmd, "layout", "two-bucket", "three-bucket")
	cmd.Flags().StringVar(&workflow, "workflow", "STANDARD", "STANDARD or EXPRESS")
	completeFlag(cmd, "workflow", "STANDARD", "EXPRESS")
	sandboxFlag(cmd, &sandbox)
	return cmd
}
