package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/refresh"
)

// updateRequest is what this command calls an event that asks for nothing else.
const updateRequest = "update"

// runDefinitions has the freshclam function, which alone can write them, list
// and change the definitions of a deployed stack.
func runDefinitions(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var where deployed
	flags := flag.NewFlagSet("lazaret definitions", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "usage: lazaret definitions [list | rollback | pin GENERATION | unpin | update] [flags]\n"+
			"  rollback pins the previous generation; until unpin there are no updates\n")
		flags.PrintDefaults()
	}
	where.flags(flags)
	rest, err := arguments(flags, args)
	if err != nil {
		return err
	}
	request, ok := definitionsRequest(rest)
	if !ok {
		fmt.Fprintf(stderr, "lazaret definitions: %q cannot be asked for\n", strings.Join(rest, " "))
		flags.Usage()
		return errUsage
	}
	cfg, s, err := where.find(ctx)
	if err != nil {
		return err
	}
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.RetryMaxAttempts = 1 }) // an update takes minutes
	function := s.Name + "-freshclam"
	if request.Definitions == updateRequest {
		var status refresh.Status
		if err := invoke(ctx, client, function, refresh.Request{}, &status); err != nil {
			return err
		}
		return showStatus(stdout, status)
	}
	var listing refresh.Listing
	if err := invoke(ctx, client, function, request, &listing); err != nil {
		return err
	}
	return showListing(stdout, listing)
}

// definitionsRequest is what the arguments ask for.
func definitionsRequest(args []string) (r refresh.Request, ok bool) {
	if len(args) == 0 {
		return refresh.Request{Definitions: refresh.List}, true
	}
	r.Definitions = args[0]
	switch r.Definitions {
	case refresh.List, refresh.Rollback, refresh.Unpin, updateRequest:
		return r, len(args) == 1
	case refresh.Pin:
		if len(args) == 2 {
			r.Generation = args[1]
		}
		return r, len(args) == 2
	}
	return r, false
}

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
		return fmt.Sprintf("no daily set, %d signatures", g.Signatures)
	}
	return fmt.Sprintf("daily %d of %s, %d signatures", g.Version, g.Built.UTC().Format(time.DateTime), g.Signatures)
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
