package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
)

// releaseCommand puts quarantined objects back whose signature was wrong.
func releaseCommand() *cobra.Command {
	var flags releaseFlags
	cmd := &cobra.Command{
		Use:   "release s3://quarantine/key | --signature NAME",
		Short: "Put a false positive back from quarantine, and allow its signature in these bytes",
		Long: `Put a false positive back from quarantine. The signature that moved the object is
allowed in exactly these bytes until --expires, so that the new scan calls them
CLEAN unless another signature hits. The object gets a new version id and a new
time. The quarantine copy stays. Who released what, and why, is recorded and
announced. Without --no-wait the command ends with the new verdict; with any other
than CLEAN its exit code is 1.`,
		Example: `  lazaret release s3://lazaret-quarantine-111122223333-eu-central-1/9f86d081 --reason INC-42
  lazaret release --signature Win.Test.Wrong-1234567-0 --reason INC-42 --yes
  lazaret release list
  lazaret release remove 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason INC-43`,
		Args: func(cmd *cobra.Command, args []string) error { return flags.checkArguments(cmd, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := flags.request(cmd)
			if err != nil {
				return err
			}
			if flags.signature != "" {
				return flags.releaseAll(cmd, request)
			}
			return flags.releaseOne(cmd, request, args[0])
		},
	}
	flags.stack.add(cmd.PersistentFlags())
	flags.output.add(cmd)
	cmd.PersistentFlags().StringVar(&flags.reason, "reason", "", "why, as `TEXT` for the record")
	cmd.Flags().StringVar(&flags.signature, "signature", "",
		"release all copies by the signature `NAME`, as the verdict shows it")
	cmd.Flags().StringVar(&flags.expires, "expires", "30d",
		"`duration` for which the signature is allowed in these bytes, such as 12h or 30d")
	cmd.Flags().BoolVar(&flags.overwrite, "overwrite", false,
		"release also if the key has a newer object; a versioned bucket keeps it as a version")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "say what would be released, and release nothing")
	cmd.Flags().BoolVar(&flags.noWait, "no-wait", false, "do not wait for the new verdict")
	cmd.Flags().BoolVarP(&flags.yes, "yes", "y", false, "do not ask before all copies of a signature are released")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", time.Hour, "how long to wait for the new verdict")
	cmd.AddCommand(allowedListCommand(&flags), allowedRemoveCommand(&flags))
	return cmd
}

// releaseFlags are the flags of the command release and its subcommands.
type releaseFlags struct {
	decisionFlags
	signature string
	expires   string
	overwrite bool
	dryRun    bool
	noWait    bool
	yes       bool
	timeout   time.Duration
}

// decisionFlags are the flags of all commands that decide about contents.
type decisionFlags struct {
	stack  stackFlags
	output outputFormat
	reason string
}

// client returns what asks the stack's function release.
func (f *decisionFlags) client(ctx context.Context) (*decide.Client, error) {
	cfg, err := f.stack.config(ctx)
	if err != nil {
		return nil, err
	}
	client, err := decide.New(ctx, cfg, f.stack.name)
	if err != nil {
		return nil, startError{err}
	}
	return client, nil
}

// checkReason returns an error unless a reason is given.
func (f *decisionFlags) checkReason(cmd *cobra.Command) error {
	if strings.TrimSpace(f.reason) == "" {
		return wrongUsage(cmd, "--reason is missing: it is recorded, with who decided")
	}
	return nil
}

// checkArguments returns an error unless there is one address or a signature.
func (f *releaseFlags) checkArguments(cmd *cobra.Command, args []string) error {
	switch {
	case f.signature != "" && len(args) > 0:
		return wrongUsage(cmd, "--signature %s and %q exclude each other", f.signature, args[0])
	case f.signature != "":
		return nil
	case len(args) == 1 && !strings.HasPrefix(args[0], "s3://"):
		return noSuchCommand(cmd, args)
	}
	return oneArgument("one s3://quarantine/key")(cmd, args)
}

// request returns the request that the flags describe, without a copy.
func (f *releaseFlags) request(cmd *cobra.Command) (decision.Request, error) {
	if err := f.checkReason(cmd); err != nil {
		return decision.Request{}, err
	}
	lifetime, err := parseDays(f.expires)
	if err == nil && (lifetime < time.Second || lifetime > decision.MaxTime) {
		err = errors.New("want one second to 366 days")
	}
	if err != nil {
		return decision.Request{}, wrongUsage(cmd, "--expires %s: %w", f.expires, err)
	}
	if f.timeout <= 0 {
		return decision.Request{}, wrongUsage(cmd, "--timeout %v: want more than 0", f.timeout)
	}
	return decision.Request{
		Reason: f.reason, Seconds: int64(lifetime / time.Second), Overwrite: f.overwrite, DryRun: f.dryRun,
	}, nil
}

// parseDays reads a duration, which may be a number of days.
func parseDays(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
		return 0, errors.New("want a number of days, such as 30d")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("want a duration, such as 12h or 30d")
	}
	return d, nil
}

// releaseOne releases the copy at an address.
func (f *releaseFlags) releaseOne(cmd *cobra.Command, request decision.Request, address string) error {
	if _, err := job.ParseAddress(address); err != nil {
		return wrongUsage(cmd, "%w", err)
	}
	client, err := f.client(cmd.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	result, err := client.Release(ctx, request, address, false)
	if err == nil && !f.output.isJSON() {
		printReleased(cmd.OutOrStdout(), result, f.dryRun)
	}
	if err == nil && !f.noWait && !f.dryRun && result.Record != nil {
		result.Verdict, err = client.Wait(ctx, *result.Record)
		if err == nil && result.Verdict.Verdict != string(job.Clean) {
			err = notClean(*result.Verdict)
		}
		if err != nil {
			result.Error = err.Error()
		}
		if result.Verdict != nil && !f.output.isJSON() {
			printVerdict(cmd.OutOrStdout(), *result.Verdict)
		}
	}
	if f.output.isJSON() {
		if err := printJSON(cmd.OutOrStdout(), result); err != nil {
			return err
		}
	}
	return err
}

// releaseAll releases all copies by a signature, after it has said how many there are and has asked.
func (f *releaseFlags) releaseAll(cmd *cobra.Command, request decision.Request) error {
	client, err := f.client(cmd.Context())
	if err != nil {
		return err
	}
	copies, released, err := client.Copies(cmd.Context(), f.signature)
	if err != nil {
		return err
	}
	if !f.output.isJSON() {
		printCopies(cmd.OutOrStdout(), f.signature, copies, released)
	}
	if f.dryRun || len(copies) == 0 {
		if f.output.isJSON() {
			return printJSON(cmd.OutOrStdout(), releasedJSON{Signature: f.signature, Found: found(copies), Released: released})
		}
		return nil
	}
	if err := f.confirm(cmd, len(copies)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	progress := progressOf(cmd, "released", len(copies))
	results := client.ReleaseAll(ctx, request, copies, !f.noWait, progress)
	if f.output.isJSON() {
		if err := printJSON(cmd.OutOrStdout(), releasedJSON{
			Signature: f.signature, Found: found(copies), Released: released, Results: results,
		}); err != nil {
			return err
		}
	}
	return printResults(cmd.OutOrStdout(), results, f.output.isJSON())
}

// confirm asks before copies are released. Where nobody can answer, --yes must.
func (f *releaseFlags) confirm(cmd *cobra.Command, n int) error {
	if f.yes {
		return nil
	}
	question := fmt.Sprintf("release %s? [y/N] ", countCopies(n))
	if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), question, "nothing was released"); err != nil {
		return startError{err}
	}
	return nil
}
