package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// definitionsCommand lists and changes the definitions of a deployed stack. Only the freshclam function can write
// them: each subcommand sends it a request.
func definitionsCommand() *cobra.Command {
	var flags definitionsFlags
	cmd := &cobra.Command{
		Use:   "definitions",
		Short: "List, update, roll back, pin, publish or confirm the definitions of a deployed stack",
		Example: `  lazaret definitions
  lazaret definitions rollback
  lazaret definitions list --output json`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.list(cmd, update.Request{Definitions: update.List})
		},
	}
	flags.stack.add(cmd.PersistentFlags())
	flags.output.add(cmd)
	for _, subcommand := range definitionsSubcommands() {
		cmd.AddCommand(subcommand.command(&flags))
	}
	return cmd
}

// definitionsSubcommand is a subcommand of definitions and the request that it sends.
type definitionsSubcommand struct {
	use, short, example string
	argument            string // what its one argument is; "" if it takes none
	request             func(argument string) update.Request
	run                 func(*definitionsFlags, *cobra.Command, update.Request) error
}

func definitionsSubcommands() []definitionsSubcommand {
	// The requests that take no argument, one that names a generation, and one that names a signature.
	plain := func(operation string) func(string) update.Request {
		return func(string) update.Request { return update.Request{Definitions: operation} }
	}
	generation := func(operation string) func(string) update.Request {
		return func(argument string) update.Request {
			return update.Request{Definitions: operation, Generation: argument}
		}
	}
	signature := func(operation string) func(string) update.Request {
		return func(argument string) update.Request {
			return update.Request{Definitions: operation, Signature: argument}
		}
	}
	return []definitionsSubcommand{
		{
			use: "list", short: "List the generations, and the result of the last update",
			example: "list",
			request: plain(update.List), run: (*definitionsFlags).list,
		},
		{
			use: "rollback", short: "Pin the previous generation; until unpin there are no updates",
			example: "rollback",
			request: plain(update.Rollback), run: (*definitionsFlags).list,
		},
		{
			use: "pin GENERATION", short: "Pin a generation; until unpin there are no updates",
			example: "pin 5adecd0f", argument: "one generation of lazaret definitions list",
			request: generation(update.Pin), run: (*definitionsFlags).list,
		},
		{
			use: "unpin", short: "Let updates change the definitions again",
			example: "unpin",
			request: plain(update.Unpin), run: (*definitionsFlags).list,
		},
		{
			use: "publish GENERATION", short: "Publish the generation that is held back, all the same",
			example:  "publish 1ca1d6f9",
			argument: "the generation that lazaret definitions list calls held back",
			request:  generation(update.Publish), run: (*definitionsFlags).list,
		},
		{
			use: "ignore SIGNATURE", short: "Switch off a signature that holds definitions back, and update",
			example: "ignore Win.Test.Wrong-1234567-0", argument: "one signature that lazaret definitions list names",
			request: signature(update.Ignore), run: (*definitionsFlags).changeAndUpdate,
		},
		{
			use: "unignore SIGNATURE", short: "Switch an ignored signature on again, and update",
			example:  "unignore Win.Test.Wrong-1234567-0",
			argument: "one signature that lazaret definitions list calls ignored",
			request:  signature(update.Unignore), run: (*definitionsFlags).changeAndUpdate,
		},
		{
			use: "confirm SIGNATURE", short: "Let all objects be moved that a new signature on trial hits",
			example: "confirm Win.Test.New-7654321-0", argument: "one signature that lazaret definitions list calls on trial",
			request: signature(update.Confirm), run: (*definitionsFlags).list,
		},
		{
			use: "update", short: "Download new definitions now",
			example: "update",
			request: plain(""), run: (*definitionsFlags).update,
		},
	}
}

func (s definitionsSubcommand) command(flags *definitionsFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: s.use, Short: s.short, Example: "  lazaret definitions " + s.example,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(flags, cmd, s.request(append(args, "")[0]))
		},
	}
	if s.argument != "" {
		cmd.Args = oneArgument(s.argument)
	}
	return cmd
}

// definitionsFlags are the flags of the command definitions and its subcommands.
type definitionsFlags struct {
	stack  stackFlags
	output outputFormat
}

// list sends a request that is answered with a listing, and prints the listing.
func (f *definitionsFlags) list(cmd *cobra.Command, request update.Request) error {
	var listing update.Listing
	if err := f.invoke(cmd.Context(), request, &listing); err != nil {
		return err
	}
	if f.output.isJSON() {
		return printJSON(cmd.OutOrStdout(), listing)
	}
	return printListing(cmd.OutOrStdout(), listing, f.stack.name)
}

// changeAndUpdate sends a request that takes effect with the next update, and updates.
func (f *definitionsFlags) changeAndUpdate(cmd *cobra.Command, request update.Request) error {
	var listing update.Listing
	if err := f.invoke(cmd.Context(), request, &listing); err != nil {
		return err
	}
	return f.update(cmd, update.Request{})
}

// update sends the request that the schedule sends, and prints the result of the update.
func (f *definitionsFlags) update(cmd *cobra.Command, request update.Request) error {
	var status update.Status
	err := f.invoke(cmd.Context(), request, &status)
	if err != nil {
		return err
	}
	if f.output.isJSON() {
		err = printJSON(cmd.OutOrStdout(), status)
	} else {
		err = printStatus(cmd.OutOrStdout(), status, f.stack.name)
	}
	if err != nil {
		return err
	}
	switch status.Outcome {
	case freshclam.Updated, freshclam.Partial, freshclam.Current, update.Pinned:
		return nil
	}
	return fmt.Errorf("no new definitions: %s; scans continue with the current ones", status.Outcome)
}

// invoke sends a request to the freshclam function of the stack.
func (f *definitionsFlags) invoke(ctx context.Context, request update.Request, answer any) error {
	cfg, stack, err := f.stack.find(ctx)
	if err != nil {
		return err
	}
	// An update takes minutes: a request that timed out is not sent again.
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	return deployment.Invoke(ctx, client, stack.Function("freshclam"), request, answer)
}
