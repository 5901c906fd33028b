package main

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/explain"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// explainCommand says in one page what happened to an object.
func explainCommand() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain s3://bucket/key[?versionId=version]",
		Short: "Say in one page what happened to an object, and why it may not be read",
		Long: `Say in one page what happened to an object of a deployed stack: its verdict, the
executions that worked on it, which statement of which policy refuses to serve it,
where it is now, and what to do. It changes nothing.

Exit code: 0 explained, 1 the bucket could not be read, 2 could not start.`,
		Example: `  lazaret explain s3://bucket/key
  lazaret explain 's3://bucket/key with spaces?versionId=3HL4kqtJlcpXroDTDmJ'
  lazaret explain s3://bucket/key --since 720h
  lazaret explain s3://bucket/key --output json | jq -r .case`,
		Args: oneArgument("one s3://bucket/key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.since <= 0 {
				return wrongUsage(cmd, "--since %v: want more than 0", flags.since)
			}
			wanted, err := job.ParseAddress(args[0])
			if err != nil {
				return wrongUsage(cmd, "%w", err)
			}
			return flags.run(cmd.Context(), wanted, cmd.OutOrStdout())
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().DurationVar(&flags.since, "since", 24*time.Hour,
		"how far back to look for executions whose name cannot be computed, such as rescans")
	return cmd
}

// explainFlags are the flags of the command explain.
type explainFlags struct {
	stack  stackFlags
	output outputFormat
	since  time.Duration
}

func (f *explainFlags) run(ctx context.Context, wanted job.Object, stdout io.Writer) error {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	page, err := explain.New(explain.Clients{
		S3: awsclient.S3(cfg), Queues: awsclient.SQS(cfg), Logs: awsclient.Logs(cfg),
		Machines: awsclient.StepFunctions(cfg), Stacks: cloudformation.NewFromConfig(cfg), STS: sts.NewFromConfig(cfg),
		Lambda: lambda.NewFromConfig(cfg),
	}, stack, f.since).Explain(ctx, wanted)
	if err != nil {
		return err
	}
	if f.output.isJSON() {
		return printJSON(stdout, page)
	}
	return explain.Print(terminal.Wrapped(stdout), page)
}
