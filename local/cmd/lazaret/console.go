package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/console"
	"github.com/lazaret/lazaret/local/stack"
)

// consoleCommand shows a stack in a browser.
func consoleCommand() *cobra.Command {
	var flags consoleFlags
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Show a stack in a browser: what came in, what happened to it, and what to do",
		Long: `Show a deployed stack in a browser, at a port of this machine that nobody else can
use: an overview, executions, objects, dead letters, quarantine and definitions. It
calls AWS with your credentials, and changes nothing until a button is pressed twice.
It runs until Ctrl-C. lazaret local starts one beside itself.`,
		Example: `  lazaret console
  lazaret console --stack-name ward --profile operator
  lazaret console --port 0`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.port < 0 || flags.port > 65535 {
				return wrongUsage(cmd, "--port %d: want 0 to 65535", flags.port)
			}
			return flags.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags.stack.add(cmd.Flags())
	cmd.Flags().IntVar(&flags.port, "port", console.DefaultPort, "port on 127.0.0.1; 0 takes a free one")
	return cmd
}

// consoleFlags are the flags of the command console.
type consoleFlags struct {
	stack stackFlags
	port  int
}

func (f *consoleFlags) run(ctx context.Context, stdout io.Writer) error {
	cfg, found, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	running, err := console.Start(console.Config{AWS: cfg, Stack: found, Port: f.port, Version: readBuild().Version})
	if err != nil {
		return startError{err}
	}
	fmt.Fprintln(stdout, "console", running.URL)
	err = running.Wait(ctx)
	if closing := running.Close(); err == nil && closing != nil {
		err = fmt.Errorf("stop the console: %w", closing)
	}
	return err
}

// localConsole are the flags of lazaret local about the console beside it.
type localConsole struct {
	port int
	off  bool
}

// start starts the console of a local stack. Without a console, because it is switched off or the application is
// another one, it returns nil.
func (l localConsole) start(ctx context.Context, running *stack.Stack) (*console.Console, error) {
	if l.off {
		return nil, nil
	}
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &running.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	found, err := deployment.Find(ctx, awsclient.SQS(cfg), running.Application.Name)
	if errors.Is(err, deployment.ErrNotFound) {
		return nil, nil // another template than this repository's
	}
	if err != nil {
		return nil, fmt.Errorf("start the console: %w", err)
	}
	return console.Start(console.Config{AWS: cfg, Stack: found, Port: l.port, Version: readBuild().Version})
}
