package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/cmd/lazaret/stack"
	"github.com/lazaret/lazaret/internal/job"
)

// scanCommand scans one object version now and reports its verdict.
func scanCommand() *cobra.Command {
	var c scanCall
	cmd := &cobra.Command{
		Use:   "scan s3://bucket/key[?versionId=version]",
		Short: "Scan an object of a deployed stack now, and wait for the verdict",
		Long: `Scan an object of a deployed stack now, and wait for the verdict.
Exit code: 0 CLEAN, 1 INFECTED, 2 UNSCANNABLE, 3 no verdict, 130 stopped.`,
		Example: `  lazaret scan s3://bucket/key
  lazaret scan 's3://bucket/key with spaces?versionId=3HL4kqtJlcpXroDTDmJ'
  lazaret scan s3://bucket/key --output json`,
		Annotations: map[string]string{reportsVerdict: "yes"},
		Args:        arguments(1, 1, "one s3://bucket/key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.timeout <= 0 {
				return wrongUsage(cmd, "--timeout %v: want more than 0", c.timeout)
			}
			verdict, err := c.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err == nil && verdict != job.Clean {
				return verdictError(verdict)
			}
			return err
		},
	}
	c.where.flags(cmd.Flags())
	c.form.flag(cmd)
	cmd.Flags().DurationVar(&c.timeout, "timeout", time.Hour, "how long to follow the scan, which goes on without")
	return cmd
}

// scanCall is one call of the command.
type scanCall struct {
	where   deployed
	form    output
	timeout time.Duration
}

func (c *scanCall) run(ctx context.Context, uri string, stdout, stderr io.Writer) (job.Verdict, error) {
	wanted, err := job.ParseAddress(uri)
	if err != nil {
		return "", err
	}
	cfg, s, err := c.where.find(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	object, err := rescan.Find(ctx, s3Client(cfg), wanted)
	if err != nil {
		return "", err
	}
	execution, err := rescan.Start(ctx, sqsClient(cfg), s, object)
	if err != nil {
		return "", err
	}
	progress := stdout
	if c.form.json() {
		progress = stderr
	}
	fmt.Fprintf(progress, "%s, %d bytes\n%s\n", object, object.Size, execution)
	end, err := rescan.Follow(ctx, sfn.NewFromConfig(cfg), execution, func(e rescan.Event) {
		if e.Late > 0 {
			tellLate(progress, e.Late, rescan.Late(ctx, sqsClient(cfg), lambda.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), s))
			return
		}
		tellEvent(progress, e)
	})
	if err != nil {
		return "", unfinished(err, s)
	}
	verdict, err := concluded(progress, s, object, end)
	if c.form.json() {
		err = errors.Join(printJSON(stdout, scanned(object, execution, end, verdict, err)), err)
	}
	return verdict, err
}

// unfinished says what goes on without being followed.
func unfinished(err error, s stack.Stack) error {
	switch {
	case errors.Is(err, rescan.ErrNotStarted):
		return stoppedError{fmt.Errorf("dispatch has not started the execution; the request is in %s-uploads, or among the dead letters (lazaret redrive)", s.Name)}
	case errors.Is(err, rescan.ErrRunning):
		return stoppedError{errors.New("the execution is still running, and goes on")}
	}
	return err
}
