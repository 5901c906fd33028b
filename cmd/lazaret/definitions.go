package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/freshclam"
	"github.com/lazaret/lazaret/internal/refresh"
)

// definitionsCommand has the freshclam function, which alone can write them, list
// and change the definitions of a deployed stack.
func definitionsCommand() *cobra.Command {
	var d definitionsCall
	list := func(cmd *cobra.Command, _ []string) error {
		return d.ask(cmd, refresh.Request{Definitions: refresh.List})
	}
	cmd := &cobra.Command{
		Use:   "definitions",
		Short: "List, update, roll back or pin the definitions of a deployed stack",
		Example: `  lazaret definitions
  lazaret definitions rollback
  lazaret definitions list --output json`,
		Args: noSuchCommand,
		RunE: list,
	}
	d.where.flags(cmd.PersistentFlags())
	d.form.flag(cmd)
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the generations, and what the last update came to", Example: "  lazaret definitions list",
			Args: arguments(0, 0, "no argument"), RunE: list,
		},
		&cobra.Command{
			Use: "rollback", Short: "Pin the previous generation; until unpin there are no updates", Example: "  lazaret definitions rollback",
			Args: arguments(0, 0, "no argument"),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return d.ask(cmd, refresh.Request{Definitions: refresh.Rollback})
			},
		},
		&cobra.Command{
			Use: "pin GENERATION", Short: "Pin a generation; until unpin there are no updates",
			Example: "  lazaret definitions pin 5adecd0f",
			Args:    arguments(1, 1, "one generation of lazaret definitions list"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return d.ask(cmd, refresh.Request{Definitions: refresh.Pin, Generation: args[0]})
			},
		},
		&cobra.Command{
			Use: "unpin", Short: "Let updates change the definitions again", Example: "  lazaret definitions unpin",
			Args: arguments(0, 0, "no argument"),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return d.ask(cmd, refresh.Request{Definitions: refresh.Unpin})
			},
		},
		&cobra.Command{
			Use: "update", Short: "Bring new definitions now", Example: "  lazaret definitions update",
			Args: arguments(0, 0, "no argument"), RunE: d.update,
		},
	)
	return cmd
}

// definitionsCall is what the commands below definitions have in common.
type definitionsCall struct {
	where deployed
	form  output
}

// function finds the freshclam function of the stack.
func (d *definitionsCall) function(ctx context.Context) (*lambda.Client, string, error) {
	cfg, s, err := d.where.find(ctx)
	if err != nil {
		return nil, "", err
	}
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.RetryMaxAttempts = 1 }) // an update takes minutes
	return client, s.Name + "-freshclam", nil
}

// ask sends a request whose answer is a listing, and shows that.
func (d *definitionsCall) ask(cmd *cobra.Command, request refresh.Request) error {
	client, function, err := d.function(cmd.Context())
	if err != nil {
		return err
	}
	var listing refresh.Listing
	if err := invoke(cmd.Context(), client, function, request, &listing); err != nil {
		return err
	}
	if d.form.json() {
		return printJSON(cmd.OutOrStdout(), listing)
	}
	return showListing(cmd.OutOrStdout(), listing)
}

// update runs the function as its schedule does, and shows what it came to.
func (d *definitionsCall) update(cmd *cobra.Command, _ []string) error {
	client, function, err := d.function(cmd.Context())
	if err != nil {
		return err
	}
	var status refresh.Status
	if err := invoke(cmd.Context(), client, function, refresh.Request{}, &status); err != nil {
		return err
	}
	if d.form.json() {
		err = printJSON(cmd.OutOrStdout(), status)
	} else {
		err = showStatus(cmd.OutOrStdout(), status)
	}
	if err == nil && !upToDate[status.Outcome] {
		err = fmt.Errorf("no new definitions: %s; scans go on with those that are there", status.Outcome)
	}
	return err
}

// upToDate are the outcomes of an update that leave nothing to be wished for,
// or that somebody wants so.
var upToDate = map[freshclam.Outcome]bool{freshclam.Updated: true, freshclam.Partial: true, freshclam.Current: true, refresh.Pinned: true}

// invoke calls a function and waits for its answer.
func invoke(ctx context.Context, client *lambda.Client, function string, request, answer any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("invoke %s: encode request: %w", function, err)
	}
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload})
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	if out.FunctionError != nil {
		var failure struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(out.Payload, &failure) != nil || failure.Message == "" {
			failure.Message = aws.ToString(out.FunctionError)
		}
		return errors.New(printable(failure.Message))
	}
	if err := json.Unmarshal(out.Payload, answer); err != nil {
		return fmt.Errorf("invoke %s: read its answer: %w", function, err)
	}
	return nil
}

func showListing(w io.Writer, l refresh.Listing) error {
	if len(l.Generations) == 0 {
		fmt.Fprintln(w, "no definitions are published: scans wait")
	}
	for _, g := range l.Generations {
		var notes []string
		for _, n := range []struct{ fingerprint, note string }{{l.Current, "current"}, {l.Previous, "previous"}, {l.Pinned, "pinned"}} {
			if n.fingerprint == g.Fingerprint {
				notes = append(notes, n.note)
			}
		}
		fmt.Fprintf(w, "%s  %s  %s\n", g.Fingerprint, described(g), strings.Join(notes, ", "))
	}
	return showStatus(w, l.Status)
}

func described(g definitions.Generation) string {
	if g.Built.IsZero() {
		return "no daily set, " + signatures(g.Signatures)
	}
	return fmt.Sprintf("daily %d of %s, %s", g.Version, g.Built.UTC().Format(time.DateTime), signatures(g.Signatures))
}

func signatures(n int) string {
	if n == 1 {
		return "1 signature"
	}
	return fmt.Sprintf("%d signatures", n)
}

// showStatus shows what the last run came to.
func showStatus(w io.Writer, s refresh.Status) error {
	if s.Outcome == "" {
		_, err := fmt.Fprintln(w, "no update has run")
		return err
	}
	fmt.Fprintf(w, "update of %s: %s", s.Time.UTC().Format(time.DateTime), s.Outcome)
	if s.Detail != "" {
		fmt.Fprintf(w, " (%s)", printable(s.Detail))
	}
	fmt.Fprintln(w)
	if !s.Retry.IsZero() {
		fmt.Fprintf(w, "the mirror is not asked before %s\n", s.Retry.UTC().Format(time.DateTime))
	}
	for _, f := range s.Own {
		switch {
		case f.Refused != "":
			fmt.Fprintf(w, "own signatures %s are refused: %s\n", printable(f.Name), printable(f.Refused))
		case f.AllowList:
			fmt.Fprintf(w, "own signatures %s switch detection off\n", printable(f.Name))
		}
	}
	for _, warning := range s.Warnings {
		fmt.Fprintln(w, "warning:", printable(warning))
	}
	return nil
}
