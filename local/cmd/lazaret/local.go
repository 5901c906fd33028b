package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/console"
	"github.com/lazaret/lazaret/local/provision"
	"github.com/lazaret/lazaret/local/stack"
	"github.com/lazaret/lazaret/local/template"
)

// localCommand runs the local stack until a signal arrives.
func localCommand() *cobra.Command {
	config := stack.Config{Parameters: map[string]string{}}
	var verbose, quiet bool
	var beside localConsole
	parameters := overrides(config.Parameters)
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run the whole application on this machine",
		Example: `  lazaret local
  lazaret local --data /tmp/lazaret --parameter-overrides BucketLayout=three-bucket ReadGate=not-infected
  lazaret local --definitions official`,
		Args: parameters.arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config.Scale <= 0 {
				return wrongUsage(cmd, "--time-scale %v: want more than 0", config.Scale)
			}
			if config.Port < 0 || config.Port > 65535 {
				return wrongUsage(cmd, "--port %d: want 0 to 65535", config.Port)
			}
			if beside.port < 0 || beside.port > 65535 {
				return wrongUsage(cmd, "--console-port %d: want 0 to 65535", beside.port)
			}
			// Who takes any port for the endpoint runs more than one stack.
			if config.Port == 0 && !cmd.Flags().Changed("console-port") {
				beside.port = 0
			}
			if verbose {
				config.Logs = cmd.ErrOrStderr()
			}
			if !quiet {
				config.Notices = showNotices(cmd.OutOrStdout())
			}
			return runLocal(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), config, beside)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Template, "template", "template.yaml",
		"the application; paths in it, and build/, are relative to its folder")
	flags.IntVar(&config.Port, "port", 4566, "port of the endpoint on 127.0.0.1; 0 takes a free one")
	flags.IntVar(&beside.port, "console-port", console.DefaultPort,
		"port of the console on 127.0.0.1; 0, and the default with --port 0, takes a free one")
	flags.BoolVar(&beside.off, "no-console", false, "start no console")
	flags.StringVar(&config.DataDir, "data", "",
		"`folder` that keeps objects, queues, executions, definitions, work files and logs "+
			"(default a temporary one, removed at the end)")
	flags.Var(parameters, "parameter-overrides", "`Name=Value` ... as in sam deploy")
	flags.StringVar(&config.Definitions, "definitions", provision.Test,
		"test (EICAR and nothing else), none (publish nothing), official (download from ClamAV's mirror), "+
			"or a folder of ClamAV databases")
	flags.StringVar(&config.Mirror, "mirror", "", "`URL` of a ClamAV mirror of yours to download definitions from")
	flags.Float64Var(&config.Scale, "time-scale", 1, "makes the intervals of Retry this many times shorter")
	flags.BoolVar(&config.Freeze, "freeze", false, "stop functions between invocations, as Lambda does")
	sandboxFlag(cmd, &config.Sandbox)
	flags.StringVar(&config.FunctionsEndpoint, "functions-endpoint", "",
		"`URL` at which functions call AWS, for a proxy of yours in between (default the stack's own endpoint)")
	flags.StringArrayVar(&config.AllowHosts, "allow-host", nil,
		"also answer as this `NAME` or NAME:port, beside 127.0.0.1, [::1], localhost and *.localhost; may be repeated")
	flags.StringArrayVar(&config.AllowUsers, "allow-user", nil,
		"let another `USER` of this machine, a name or an id, call the endpoint, beside you and root; may be repeated")
	flags.BoolVar(&verbose, "verbose", false, "print what functions log, beside writing it to logs/ in the data folder")
	flags.BoolVarP(&quiet, "quiet", "q", false, "print no verdicts and no failures as they happen")
	return cmd
}

// runLocal runs the local stack, and a console beside it, until ctx ends.
func runLocal(ctx context.Context, stdout, stderr io.Writer, config stack.Config, beside localConsole) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	// The stack lives on little, and makes much garbage. Collecting it less often takes a tenth off the processor time
	// of an object, and 40 MB of memory.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	// Standard output may be a pipe whose reader ends after the line "ready".
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	running, err := stack.Start(ctx, config)
	if err != nil {
		return startError{err}
	}
	shown, err := beside.start(ctx, running)
	if err != nil {
		return startError{errors.Join(err, running.Close())}
	}
	var introduction bytes.Buffer // written at once, so that no notice comes in between
	introduce(&introduction, running, config, shown)
	if _, err := introduction.WriteTo(stdout); err != nil {
		slog.Warn("print that the stack is ready", "error", err)
	}
	err = running.Wait(ctx)
	if shown != nil {
		err = errors.Join(err, shown.Close())
	}
	if closing := running.Close(); err == nil && closing != nil {
		err = stoppedError{fmt.Errorf("stop the local stack: %w", closing)}
	}
	return err
}

// introduce prints the resources of the stack, and "ready" with the endpoint, for which programs wait.
func introduce(w io.Writer, running *stack.Stack, config stack.Config, shown *console.Console) {
	app := running.Application
	line := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(w, "%-15s %s\n", what, strings.Join(names, ", "))
		}
	}
	var buckets, queues, topics, functions, machines []string
	for _, b := range app.Buckets {
		buckets = append(buckets, b.Name)
	}
	for _, q := range app.Queues {
		queues = append(queues, q.Name)
	}
	for _, t := range app.Topics {
		topics = append(topics, t.Name)
	}
	for _, f := range app.Functions {
		functions = append(functions, f.Name)
	}
	for _, m := range app.Machines {
		machines = append(machines, m.Name)
	}
	line("buckets", buckets)
	line("queues", queues)
	line("topics", topics)
	line("functions", functions)
	line("state machine", machines)
	line("definitions", []string{definitionsLine(running, config)})
	kept := " (removed at the end)"
	if config.DataDir != "" {
		kept = ""
	}
	line("data", []string{running.DataDir + kept})
	line("sandbox", []string{running.Sandbox})
	if why := running.AnyUser; why != nil {
		line("users", []string{fmt.Sprintf("every user of this machine may call the endpoint: "+
			"this machine does not say whose connections are (%v)", why)})
	}
	printCommands(w, running)
	if shown != nil {
		line("console", []string{shown.URL})
	}
	fmt.Fprintln(w, "ready", running.Endpoint)
}

// printCommands prints commands that can be pasted into another terminal.
func printCommands(w io.Writer, running *stack.Stack) {
	uploads := ""
	for _, b := range running.Application.Buckets {
		if strings.Contains(b.Name, "-uploads-") {
			uploads = b.Name
		}
	}
	if uploads == "" || len(running.Application.Machines) == 0 {
		return // another template than this repository's
	}
	fmt.Fprintf(w, `try
  export AWS_ENDPOINT_URL=%s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
  aws s3 cp README.md s3://%[2]s/
  aws s3api get-object-tagging --bucket %[2]s --key README.md
  %[3]s
  bin/lazaret scan s3://%[2]s/README.md
`, running.Endpoint, uploads, listCommand(running.Application.Machines))
}

// listCommand lists the executions of uploads: those of an Express machine are in its log alone.
func listCommand(machines []template.Machine) string {
	for _, m := range machines {
		if m.LogGroup != "" {
			return "aws logs filter-log-events --log-group-name " + m.LogGroup +
				` --filter-pattern '{ $.type = "Execution*" }' --query 'events[].[message]' --output text`
		}
	}
	return "aws stepfunctions list-executions --state-machine-arn " + machines[0].ARN
}

func definitionsLine(running *stack.Stack, config stack.Config) string {
	g := running.Definitions
	switch {
	case g.Dir == "":
		return "none published: scans wait for them"
	case config.Definitions == provision.Test && config.Mirror == "":
		return "test definitions: only EICAR is detected"
	}
	return fmt.Sprintf("generation %s, %s", g.Fingerprint, describeGeneration(g))
}

// sandboxFlag adds the flag --sandbox to a command that starts a stack.
func sandboxFlag(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(
		mode,
		"sandbox",
		stack.SandboxAuto,
		"confine functions as Lambda does: on (all of it, or nothing starts), off, or auto (as much as this machine allows)",
	)
	completeFlag(cmd, "sandbox", stack.SandboxAuto, stack.SandboxOn, stack.SandboxOff)
}
