package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/cmd/lazaret/verify"
	"github.com/lazaret/lazaret/local"
	"github.com/lazaret/lazaret/local/template"
)

// verifyCommand is the acceptance test of a deployed stack.
func verifyCommand() *cobra.Command {
	var where deployed
	var form output
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that a deployed stack does what it must: the command after sam deploy",
		Long: `Uploads a few objects of its own below <KeyPrefix>.lazaret/, watches what becomes
of them, tries what must be refused, and looks at alarms, quotas and traces.
It takes up to three minutes, says before it starts what others will see, and
removes its objects at the end. You need to be named in the stack's VerifierArns.

The exit code is 0 when nothing is wrong, 1 when something is, 2 when it could not
start. What could not be checked is told so and is neither.`,
		Example: `  lazaret verify
  lazaret verify --stack-name archive --output json
  lazaret verify --endpoint-url http://127.0.0.1:4566`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := where.config(cmd.Context())
			if err != nil {
				return err
			}
			report, err := verify.Run(cmd.Context(), verify.Options{Config: cfg, Stack: where.stack, JSON: form.json()},
				cmd.OutOrStdout(), cmd.ErrOrStderr())
			switch {
			case errors.Is(err, verify.ErrStart):
				return startError{err}
			case err != nil:
				return err
			case report.Stopped:
				return stoppedError{fmt.Errorf("left: %s", strings.Join(report.Left, "; "))}
			}
			return report.Err()
		},
	}
	where.flags(cmd.Flags())
	form.flag(cmd)
	return cmd
}

// verifyDemo ends the demo as a deployment ends: with the test of the stack, in brief.
func verifyDemo(ctx context.Context, w io.Writer, s *local.Stack) error {
	cfg := aws.Config{
		Region: template.Region, BaseEndpoint: &s.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	fmt.Fprintln(w, "\nlazaret verify, which is the third command after sam deploy, says of this stack")
	report, err := verify.Run(ctx, verify.Options{Config: cfg, Stack: s.Application.Name}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	if err := verify.Summarize(w, report); err != nil {
		return err
	}
	return report.Err()
}
