package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// statusCommand says in one page whether a stack works now.
func statusCommand() *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say in one page whether a stack works now, and what to do next",
		Long: `Say in one page whether a deployed stack works now: its definitions, what waits, what
runs and failed, dead letters, objects without a verdict, the canary, alarms, and what
to do next. It changes nothing.

Exit code: 0 nothing is wrong, 1 something is wrong, 2 could not start.`,
		Example: `  lazaret status
  lazaret status --watch
  lazaret status --output json | jq -r .next`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.interval < time.Second {
				return wrongUsage(cmd, "--interval %v: want a second or more", flags.interval)
			}
			return flags.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "show the page again and again, until Ctrl-C")
	cmd.Flags().DurationVar(&flags.interval, "interval", 10*time.Second, "pause between two pages of --watch")
	return cmd
}

// statusFlags are the flags of the command status.
type statusFlags struct {
	stack    stackFlags
	output   outputFormat
	watch    bool
	interval time.Duration
}

func (f *statusFlags) run(ctx context.Context, stdout io.Writer) error {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	reader := status.New(status.Clients{
		Queues: awsclient.SQS(cfg), Lambda: lambda.NewFromConfig(cfg), Metrics: cloudwatch.NewFromConfig(cfg),
		Logs: awsclient.Logs(cfg), Stacks: cloudformation.NewFromConfig(cfg), Machines: awsclient.StepFunctions(cfg),
	}, stack)
	for {
		report := reader.Read(ctx)
		if ctx.Err() != nil {
			return stoppedError{errors.New("status changes nothing")}
		}
		if err := f.print(stdout, report); err != nil {
			return err
		}
		switch {
		case !f.watch && report.Wrong:
			return fmt.Errorf("something is wrong with the stack %s", stack.Name)
		case !f.watch:
			return nil
		}
		select {
		case <-ctx.Done():
			return stoppedError{errors.New("status changes nothing")}
		case <-time.After(f.interval):
		}
	}
}

// print prints one page. On a terminal --watch shows it in place of the one before.
func (f *statusFlags) print(w io.Writer, r status.Report) error {
	switch {
	case f.output.isJSON() && f.watch:
		return printJSONLine(w, r)
	case f.output.isJSON():
		return printJSON(w, r)
	case f.watch && terminal.Is(w):
		fmt.Fprint(w, "\x1b[H\x1b[2J") // to the upper left corner, and clear the screen
	case f.watch:
		defer fmt.Fprintln(w)
	}
	return status.Print(terminal.Wrapped(w), r)
}
