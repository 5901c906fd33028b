package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// allowedListCommand lists the contents in which signatures are allowed.
func allowedListCommand(flags *releaseFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the contents that were released, and until when", Args: noArguments,
		Example: "  lazaret release list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []decision.Allowed{}
			err := flags.pages(cmd, decision.ActionList, func(page decision.Answer) { all = append(all, page.Allowed...) })
			if err != nil || flags.output.isJSON() {
				return errors.Join(err, printUnless(err, cmd.OutOrStdout(), all))
			}
			printAllowed(cmd.OutOrStdout(), all, time.Now())
			return nil
		},
	}
}

// allowedRemoveCommand takes a content off the allowed ones.
func allowedRemoveCommand(flags *releaseFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove SHA256|FILE", Short: "Let the signatures count again in a content that was released",
		Args:    oneArgument("one SHA-256 of lazaret release list, or a file"),
		Example: "  lazaret release remove 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason INC-43",
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.decide(cmd, decision.ActionRemove, args[0])
		},
	}
}

// blockCommand makes contents INFECTED whatever the engine says.
func blockCommand() *cobra.Command {
	var flags decisionFlags
	cmd := &cobra.Command{
		Use:   "block SHA256|FILE",
		Short: "Call a content INFECTED from now on, whatever the engine says",
		Long: `Call a content INFECTED from now on, whatever the engine says. Scans know of it within
a minute. Objects that were scanned before keep their verdict: scan them again.`,
		Example: `  lazaret block ./dropper.exe --reason INC-44
  lazaret block 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason INC-44
  lazaret block list
  lazaret block remove 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason INC-45`,
		Args: oneArgument("one SHA-256 or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.decide(cmd, decision.ActionBlock, args[0])
		},
	}
	flags.stack.add(cmd.PersistentFlags())
	flags.output.add(cmd)
	cmd.PersistentFlags().StringVar(&flags.reason, "reason", "", "why, as `TEXT` for the record")
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the contents that are blocked", Args: noArguments, Example: "  lazaret block list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []decision.Blocked{}
			err := flags.pages(cmd, decision.ActionBlocked, func(page decision.Answer) { all = append(all, page.Blocked...) })
			if err != nil || flags.output.isJSON() {
				return errors.Join(err, printUnless(err, cmd.OutOrStdout(), all))
			}
			printBlocked(cmd.OutOrStdout(), all)
			return nil
		},
	}, &cobra.Command{
		Use: "remove SHA256|FILE", Short: "Let the engine decide about a content again",
		Args:    oneArgument("one SHA-256 or file"),
		Example: "  lazaret block remove 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason INC-45",
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.decide(cmd, decision.ActionUnblock, args[0])
		},
	})
	return cmd
}

// pages asks for all pages of a list.
func (f *decisionFlags) pages(cmd *cobra.Command, action string, take func(decision.Answer)) error {
	client, err := f.client(cmd.Context())
	if err != nil {
		return err
	}
	return client.Pages(cmd.Context(), decision.Request{Action: action}, take)
}

// decide sends a decision about one content, and prints its record.
func (f *decisionFlags) decide(cmd *cobra.Command, action, content string) error {
	if err := f.checkReason(cmd); err != nil {
		return err
	}
	sum, err := contentSHA256(content)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
	}
	client, err := f.client(cmd.Context())
	if err != nil {
		return err
	}
	answer, err := client.Ask(cmd.Context(), decision.Request{
		Action: action, SHA256: sum, Reason: f.reason, By: client.By,
	})
	if err != nil {
		return err
	}
	if f.output.isJSON() {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	if r := answer.Record; r != nil {
		before := ""
		if answer.Done {
			before = " before"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s%s: %s\n  on %s UTC by %s: %s\n", r.Decision, before, r.SHA256,
			r.Time.UTC().Format(time.DateTime), terminal.Quote(r.By), terminal.Quote(r.Reason))
	}
	return nil
}

// contentSHA256 returns the SHA-256 that is given, or that of the bytes of the file that is named.
func contentSHA256(content string) (string, error) {
	if lower := strings.ToLower(content); decision.CheckSHA256(lower) == nil {
		return lower, nil
	}
	f, err := os.Open(content)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%q is neither a SHA-256 (64 hexadecimal digits) nor a file", content)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("read %s: %w", content, err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// printUnless prints a list as JSON unless there was an error.
func printUnless(err error, w io.Writer, list any) error {
	if err != nil {
		return nil
	}
	return printJSON(w, list)
}

// printAllowed prints what is allowed, two lines for each release that is shown.
func printAllowed(w io.Writer, all []decision.Allowed, now time.Time) {
	if len(all) == 0 {
		fmt.Fprintln(w, "nothing was released")
	}
	for _, a := range all {
		until := "until"
		if !now.Before(a.Expires) {
			until = "expired on"
		}
		var names []string
		for _, signature := range a.Signatures {
			names = append(names, terminal.Quote(signature))
		}
		fmt.Fprintf(w, "%s  %s %s UTC  %s\n",
			a.SHA256, until, a.Expires.UTC().Format(time.DateTime), strings.Join(names, ", "))
		for _, r := range a.Releases {
			fmt.Fprintf(w, "  %s UTC by %s: %s\n    %s\n", r.Time.UTC().Format(time.DateTime), terminal.Quote(r.By),
				terminal.Quote(r.Reason), quoted(r.Original))
		}
	}
}

// printBlocked prints what is blocked.
func printBlocked(w io.Writer, all []decision.Blocked) {
	if len(all) == 0 {
		fmt.Fprintln(w, "nothing is blocked")
	}
	for _, b := range all {
		fmt.Fprintf(w, "%s\n  %s UTC by %s: %s\n", b.SHA256, b.Time.UTC().Format(time.DateTime), terminal.Quote(b.By),
			terminal.Quote(b.Reason))
	}
}
