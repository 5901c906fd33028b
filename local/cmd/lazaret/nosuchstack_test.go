package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestNoSuchStack: every command that works on a deployed stack says in one line that there is none of this name, and
// ends as one that could not start.
func TestNoSuchStack(t *testing.T) {
	t.Parallel()
	const sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	arguments := map[string][]string{
		"backfill":             {"s3://a/b", "--yes"},
		"block":                {sha256, "--reason", "r"},
		"block list":           nil,
		"block remove":         {sha256, "--reason", "r"},
		"dead-letters":         nil,
		"dead-letters list":    nil,
		"dead-letters show":    {"a"},
		"definitions":          nil,
		"definitions confirm":  {"Word-new"},
		"definitions ignore":   {"Word-new"},
		"definitions pin":      {"abcdef"},
		"console":              nil,
		"definitions list":     nil,
		"definitions publish":  {"abcdef"},
		"definitions unignore": {"Word-new"},
		"definitions unpin":    nil,
		"definitions update":   nil,
		"explain":              {"s3://a/b"},
		"reconcile":            {"s3://a/b"},
		"redrive":              nil,
		"release":              {"s3://a/b", "--reason", "r"},
		"release list":         nil,
		"release remove":       {sha256, "--reason", "r"},
		"scan":                 {"s3://a/b"},
		"status":               nil,
		"verify":               nil,

		"dead-letters discard": {"--match", "a", "--reason", "r", "--yes"},
		"definitions rollback": nil,
	}
	// These start a stack, or need none. Wait reads the tags of the object, whatever the stack is.
	own := []string{"local", "demo", "plan", "version", "completion", "help", "wait"}
	m := harness.Start(t)
	every(newRoot(), func(cmd *cobra.Command) {
		name := strings.TrimPrefix(cmd.CommandPath(), "lazaret ")
		takesStack := cmd.Flags().Lookup("stack-name") != nil || cmd.PersistentFlags().Lookup("stack-name") != nil ||
			cmd.InheritedFlags().Lookup("stack-name") != nil
		if !cmd.Runnable() || slices.Contains(own, strings.Fields(name)[0]) || !takesStack {
			return
		}
		args, listed := arguments[name]
		if !listed {
			t.Errorf("%s is not in this test", name)
			return
		}
		delete(arguments, name)
		t.Run(name, func(t *testing.T) {
			want := exitCannotStart
			if cmd.Annotations[reportsVerdict] != "" {
				want = exitNoVerdict
			}
			all := append(strings.Fields(name), args...)
			printed, code := operate(t, m, append(all, "--stack-name", "nope")...)
			if code != want || !strings.Contains(printed, "no such stack") || strings.Count(printed, "\n") != 1 {
				t.Errorf("got exit code %d, want %d, and one line with \"no such stack\":\n%s", code, want, printed)
			}
		})
	})
	for name := range arguments {
		t.Errorf("got no command %s with --stack-name", name)
	}
}
