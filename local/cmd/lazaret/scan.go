package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
)

// scanCommand scans one object version now and reports its verdict.
func scanCommand() *cobra.Command {
	var flags scanFlags
	cmd := &cobra.Command{
		Use:   "scan s3://bucket/key[?versionId=version]",
		Short: "Scan an object of a deployed stack now, and wait for the verdict",
		Long: `Scan an object of a deployed stack now, and wait for the verdict. It starts when no
upload waits.
Exit code: 0 CLEAN, 1 INFECTED, 2 UNSCANNABLE, 3 no verdict, 130 stopped.`,
		Example: `  lazaret scan s3://bucket/key
  lazaret scan 's3://bucket/key with spaces?versionId=3HL4kqtJlcpXroDTDmJ'
  lazaret scan s3://bucket/key --output json`,
		Annotations: map[string]string{reportsVerdict: "yes"},
		Args:        oneArgument("one s3://bucket/key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.timeout <= 0 {
				return wrongUsage(cmd, "--timeout %v: want more than 0", flags.timeout)
			}
			verdict, err := flags.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err == nil && verdict != job.Clean {
				return verdictError(verdict)
			}
			return err
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().DurationVar(&flags.timeout, "timeout", time.Hour, "how long to follow the scan, which goes on without")
	return cmd
}

// scanFlags are the flags of the command scan.
type scanFlags struct {
	stack   stackFlags
	output  outputFormat
	timeout time.Duration
}

func (f *scanFlags) run(ctx context.Context, address string, stdout, stderr io.Writer) (job.Verdict, error) {
	wanted, err := job.ParseAddress(address)
	if err != nil {
		return "", err
	}
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return "", err
	}
	queues, logs := awsclient.SQS(cfg), awsclient.Logs(cfg)
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	object, err := rescan.Find(ctx, awsclient.S3(cfg), wanted)
	if err != nil {
		return "", err
	}
	histories := history.New(awsclient.StepFunctions(cfg), logs, stack.Executions())
	requested := time.Now()
	name, err := rescan.Start(ctx, queues, stack, object)
	if err != nil {
		return "", err
	}
	progress := stdout
	if f.output.isJSON() {
		progress = stderr
	}
	fmt.Fprintf(progress, "%s, %d bytes\n", object, object.Size)
	end, err := rescan.Follow(ctx, histories.Watch(name, requested), func(e rescan.Event) {
		if e.Late > 0 {
			reasons := rescan.Diagnose(ctx, queues, lambda.NewFromConfig(cfg), logs, stack)
			printLate(progress, e, reasons)
			return
		}
		printEvent(progress, e)
	})
	if err != nil {
		return "", followError(err, stack)
	}
	verdict, err := printEnd(progress, stack, object, end)
	if f.output.isJSON() {
		err = errors.Join(printJSON(stdout, newScanJSON(object, end, verdict, err)), err)
	}
	return verdict, err
}

// followError says what goes on after the command has stopped following it.
func followError(err error, stack deployment.Stack) error {
	switch {
	case errors.Is(err, rescan.ErrNotStarted):
		return stoppedError{fmt.Errorf("dispatch has not started the execution; the request is in %s-rescans, "+
			"or among the dead letters (lazaret redrive)", stack.Name)}
	case errors.Is(err, rescan.ErrRunning):
		return stoppedError{errors.New("the execution is still running, and goes on")}
	}
	return err
}
