package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// waitCommand waits for the verdict of an object that was uploaded.
func waitCommand() *cobra.Command {
	var flags waitFlags
	cmd := &cobra.Command{
		Use:   "wait s3://bucket/key[?versionId=version]",
		Short: "Wait for the verdict of an upload",
		Long: `Wait for the verdict of an object that was uploaded, and scan nothing. The command reads
the tags of that version after 1 s, 1.5 s and so on, and then every 5 s. It needs no
event, and goes on after the stack or the network has failed. S3 bills $0.0000004 for
each request: an hour takes about 720 of them, for $0.0003.

Without ?versionId= it waits for the version that is the current one when it begins.
S3 answers the version's id to an upload. Give it: an object that was moved before the
command began is found by its version alone.

Exit code: 0 CLEAN, 1 INFECTED, 2 UNSCANNABLE, 3 no verdict, 130 stopped.`,
		Example: `  lazaret wait s3://bucket/key
  lazaret wait 's3://bucket/key?versionId=3HL4kqtJlcpXroDTDmJ' --timeout 10m
  lazaret wait s3://bucket/key --output json`,
		Annotations: map[string]string{reportsVerdict: "yes"},
		Args:        oneArgument("one s3://bucket/key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.timeout <= 0 {
				return wrongUsage(cmd, "--timeout %v: want more than 0", flags.timeout)
			}
			verdict, err := flags.run(cmd.Context(), args[0], cmd.OutOrStdout())
			if err == nil && verdict != job.Clean {
				return verdictError(verdict)
			}
			return err
		},
	}
	flags.stack.add(cmd.Flags())
	flags.output.add(cmd)
	cmd.Flags().DurationVar(&flags.timeout, "timeout", time.Hour, "how long to wait; the scan goes on without")
	return cmd
}

// waitFlags are the flags of the command wait.
type waitFlags struct {
	stack   stackFlags
	output  outputFormat
	timeout time.Duration
}

func (f *waitFlags) run(ctx context.Context, address string, stdout io.Writer) (job.Verdict, error) {
	wanted, err := job.ParseAddress(address)
	if err != nil {
		return "", err
	}
	cfg, err := f.stack.config(ctx)
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	// Each poll is one request: polls that fail are repeated by the next one.
	client := s3.New(awsclient.S3(cfg).Options(), func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	result, err := wait.Verdict(limited, client, f.buckets(limited, cfg, wanted.Bucket), wanted)
	if ctx.Err() != nil {
		return "", stoppedError{errors.New("the scan of the upload goes on")}
	}
	if f.output.isJSON() {
		return result.Verdict, errors.Join(printJSON(stdout, newWaitJSON(result, err)), err)
	}
	if err != nil {
		return "", err
	}
	return result.Verdict, printWaited(stdout, result)
}

// buckets returns the names of the buckets to which the stack moves objects. The name of its uploads bucket has all
// that is in them. For another bucket the caller's account is that of the stack.
func (f *waitFlags) buckets(ctx context.Context, cfg aws.Config, bucket string) wait.Buckets {
	rest, own := strings.CutPrefix(bucket, f.stack.name+"-uploads-")
	if !own {
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return wait.Buckets{} // the tags of the object itself are read all the same
		}
		rest = aws.ToString(who.Account) + "-" + cfg.Region
	}
	return wait.Buckets{
		Quarantine: f.stack.name + "-quarantine-" + rest, Clean: f.stack.name + "-clean-" + rest,
	}
}

// printWaited prints the verdict that was waited for, and where the object is.
func printWaited(w io.Writer, r wait.Result) error {
	verdict := string(r.Verdict)
	if r.Detail != "" {
		verdict += " " + terminal.Quote(r.Detail)
	}
	place := r.Object.String()
	if r.Copy != nil {
		place = "moved to " + r.Copy.String()
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", verdict, place)
	return err
}
