// Command lazaret is the operator's tool: the local stack, and what one does to
// a deployed one. Each subcommand has a file of its own; it is an entry in
// commands and a function, which returns errUsage for what was typed wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// command is a subcommand. Run gets the arguments after its name.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

var commands = []command{
	{"local", "run the whole application on this machine", runLocal},
	{"demo", "send samples through a local stack and show their verdicts", runDemo},
	{"scan", "scan an object of a deployed stack now, and wait for the verdict", runScan},
	{"redrive", "list dead letters, and send them back to be tried again", runRedrive},
	{"verify", "prove that a deployed stack does what it must: the test after sam deploy", runVerify},
	{"definitions", "list, update, roll back or pin the definitions of a deployed stack", runDefinitions},
}

// Exit codes: 1 for what failed while running, 2 for what could not start.
const (
	exitFailed      = 1
	exitCannotStart = 2
	exitStopped     = 130 // by a signal, as shells have it
)

// errUsage is a mistake on the command line that has been explained already.
var errUsage = errors.New("wrong usage")

// startError is why a command did not get to its work.
type startError struct{ error }

func (e startError) Unwrap() error { return e.error }

// exitError is the end of a command with exit codes of its own. Err may be nil.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return fmt.Sprintf("exit code %d: %v", e.code, e.err) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal ends ctx; from then on signals kill, as they do by default.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return exitCode(c.run(ctx, args[1:], stdout, stderr), stderr)
			}
		}
		switch args[0] {
		case "help", "-h", "-help", "--help":
			usage(stdout)
			return 0
		}
		fmt.Fprintf(stderr, "lazaret: there is no command %q\n", args[0])
	}
	usage(stderr)
	return exitCannotStart
}

func exitCode(err error, stderr io.Writer) int {
	if e, ok := errors.AsType[exitError](err); ok {
		if e.err != nil {
			exitCode(e.err, stderr) // for what it prints
		}
		return e.code
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return exitCannotStart
	}
	fmt.Fprintln(stderr, "lazaret:", err)
	if _, ok := errors.AsType[startError](err); ok {
		return exitCannotStart
	}
	return exitFailed
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: lazaret <command> [flags]")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(w, "lazaret <command> --help lists the command's flags.")
}
