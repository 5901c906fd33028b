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

	"github.com/lazaret/lazaret/local/cmd/lazaret/verify"
	"github.com/lazaret/lazaret/local/stack"
	"github.com/lazaret/lazaret/local/template"
)

// verifyCommand is the acceptance test of a deployed stack.
func verifyCommand() *cobra.Command {
	var flags stackFlags
	var output outputFormat
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Test a deployed stack: the command after sam deploy",
		Long: `Upload a few objects below <KeyPrefix>.lazaret/ and wait for their verdicts, send
requests that must be refused, and check alarms, quotas and traces. This takes up
to three minutes. The command says first what others will see, and removes its
objects at the end. The stack's parameter VerifierArns must name you.

Exit code: 0 nothing is wrong, 1 something is wrong, 2 could not start. A check
that could not be made is reported, and counts as neither.`,
		Example: `  lazaret verify
  lazaret verify --stack-name archive --output json
  lazaret verify --region eu-central-1 --profile operator`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := flags.config(cmd.Context())
			if err != nil {
				return err
			}
			options := verify.Options{Config: cfg, Stack: flags.name, JSON: output.isJSON()}
			report, err := verify.Run(cmd.Context(), options, cmd.OutOrStdout(), cmd.ErrOrStderr())
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
	flags.add(cmd.Flags())
	output.add(cmd)
	return cmd
}

// verifyDemo ends the demo with a summary of verify, the command that is run after a deployment.
func verifyDemo(ctx context.Context, w io.Writer, s *stack.Stack) error {
	cfg := aws.Config{
		Region: template.Region, BaseEndpoint: &s.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	fmt.Fprintln(w, "\nlazaret verify, the command to run after sam deploy, says of this stack")
	report, err := verify.Run(ctx, verify.Options{Config: cfg, Stack: s.Application.Name}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	if err := verify.Summarize(w, report); err != nil {
		return err
	}
	return report.Err()
}
