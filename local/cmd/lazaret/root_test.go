package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// every calls f with each command that users are shown.
func every(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, sub := range cmd.Commands() {
		every(sub, f)
	}
}

// call runs lazaret in this process.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err strings.Builder
	code = run(t.Context(), args, &out, &err)
	return out.String(), err.String(), code
}

func TestHelp(t *testing.T) {
	t.Parallel()
	every(newRoot(), func(cmd *cobra.Command) {
		args := strings.Fields(cmd.CommandPath())[1:]
		stdout, stderr, code := call(t, append(args, "--help")...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Examples:") {
			t.Errorf(
				"%s --help: exit code %d, standard error %q, want 0, none and an example in:\n%s",
				cmd.CommandPath(),
				code,
				stderr,
				stdout,
			)
		}
		for flag := range strings.FieldsSeq(stdout) {
			if len(flag) > 2 && flag[0] == '-' && flag[1] >= 'a' && !strings.HasSuffix(flag, ",") {
				t.Errorf("%s --help spells a flag %q, want two dashes", cmd.CommandPath(), flag)
			}
		}
	})
}

// taken returns the command that takes a line, and nil if the line is no command line of lazaret.
func taken(line string) (*cobra.Command, error) {
	words := wordPattern.FindAllString(strings.TrimSpace(line), -1)
	for i := range words {
		words[i] = strings.NewReplacer("'", "", `"`, "").Replace(words[i])
	}
	if len(words) == 0 || strings.TrimPrefix(words[0], "bin/") != "lazaret" {
		return nil, nil
	}
	ends := []string{"|", ">", "||", "&&", "#", "2>&1", "&", ";"}
	if end := slices.IndexFunc(words, func(w string) bool { return slices.Contains(ends, w) }); end > 0 {
		words = words[:end] // the rest is the shell's
	}
	found, rest, err := newRoot().Find(words[1:])
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err == nil {
		err = found.ValidateArgs(found.Flags().Args())
	}
	return found, err
}

// The commands of lazaret in a document: in a block at the beginning of a line, and in prose between
// backquotes, if they have a flag.
var (
	inBlock = regexp.MustCompile(`(?m)^ *(?:\$ |> )?((?:bin/)?lazaret [a-z].*)$`)
	inProse = regexp.MustCompile("`(lazaret [a-z][^`]*--[^`]*)`")
)

// TestDocumentedCommands: the commands that documents name are taken as they stand, also those that a machine without
// an AWS account cannot run.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	count := 0
	for _, pattern := range []string{"../../../*.md", "../../../docs/*.md", "../../../docs/adr/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("find the pages %s: %d, %v", pattern, len(pages), err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			blocks := ""
			for i, part := range strings.Split(string(text), "```") {
				if language, code, _ := strings.Cut(part, "\n"); i%2 == 1 && language != "text" {
					blocks += strings.ReplaceAll(code, "\\\n", " ")
				}
			}
			found := inBlock.FindAllStringSubmatch(blocks, -1)
			if !strings.HasSuffix(page, "CHANGELOG.md") {
				found = append(found, inProse.FindAllStringSubmatch(string(text), -1)...)
			}
			for _, m := range found {
				if strings.HasPrefix(m[1], "lazaret in ") {
					continue // the first line of the page of status
				}
				m[1] = strings.ReplaceAll(m[1]+" ", " N ", " 1 ") // stands for any number
				count++
				if _, err := taken(m[1]); err != nil && !errors.Is(err, pflag.ErrHelp) {
					t.Errorf("%s: %q: %v", page, m[1], err)
				}
			}
		}
	}
	if count < 60 {
		t.Errorf("got %d commands in the documents, want 60 at least", count)
	}
	t.Logf("%d commands", count)
}

// Examples are pasted: each must be a command line that the commands take.
func TestExamples(t *testing.T) {
	t.Parallel()
	every(newRoot(), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			found, err := taken(line)
			if found == nil && err == nil {
				continue // of a shell
			}
			if err != nil || !strings.HasPrefix(found.CommandPath(), cmd.CommandPath()) {
				t.Errorf("example %q of %s: %v, by %s", line, cmd.CommandPath(), err, found.CommandPath())
			}
		}
	})
}

// What was typed wrong is one line, and no file of flags after it.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		says string
		code int
	}{
		{[]string{"scna"}, `lazaret: there is no command "scna" (similar: scan)` + "\n", exitCannotStart},
		{
			[]string{"frobnicate"},
			`lazaret: there is no command "frobnicate" (lazaret --help lists the commands)` + "\n",
			exitCannotStart,
		},
		{
			[]string{"redrive", "--nope"},
			"lazaret redrive: unknown flag: --nope (lazaret redrive --help lists the flags)\n",
			exitCannotStart,
		},
		{
			[]string{"scan", "--nope"},
			"lazaret scan: unknown flag: --nope (lazaret scan --help lists the flags)\n",
			exitNoVerdict,
		},
		{
			[]string{"scan"},
			"lazaret scan: want one s3://bucket/key, got [] (lazaret scan --help shows examples)\n",
			exitNoVerdict,
		},
		{
			[]string{"demo", "extra"},
			`lazaret demo: want no argument, got ["extra"] (lazaret demo --help shows examples)` + "\n",
			exitCannotStart,
		},
		{
			[]string{"explain", "key"},
			`lazaret explain: read "key": want s3://bucket/key or s3://bucket/key?versionId=version` + "\n", exitCannotStart,
		},
		{
			[]string{"reconcile", "bucket"},
			`lazaret reconcile: read "bucket": want s3://bucket or s3://bucket/prefix` + "\n", exitCannotStart,
		},
		{
			[]string{"backfill", "bucket"},
			`lazaret backfill: read "bucket": want s3://bucket or s3://bucket/prefix` + "\n", exitCannotStart,
		},
		{
			[]string{"release", "s3://quarantine", "--reason", "INC-42"},
			`lazaret release: read "s3://quarantine": want s3://bucket/key or s3://bucket/key?versionId=version` + "\n",
			exitCannotStart,
		},
		{[]string{"local", "A=1"}, `lazaret local: argument "A=1" belongs to no flag` + "\n", exitCannotStart},
		{[]string{"local", "--port", "99999"}, "lazaret local: --port 99999: want 0 to 65535\n", exitCannotStart},
		{
			[]string{"definitions", "pin"},
			"lazaret definitions pin: want one generation of lazaret definitions list, got [] (lazaret definitions pin --help shows examples)\n",
			exitCannotStart,
		},
		{
			[]string{"version", "--output", "xml"},
			`lazaret version: invalid argument "xml" for "-o, --output" flag: want table or json (lazaret version --help lists the flags)` + "\n",
			exitCannotStart,
		},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := call(t, test.args...)
			if diff := cmp.Diff(test.says, stderr); diff != "" || stdout != "" || code != test.code {
				t.Errorf(
					"exit code %d, want %d; standard output %q; standard error (-want +got):\n%s",
					code,
					test.code,
					stdout,
					diff,
				)
			}
		})
	}
	stdout, stderr, code := call(t, []string{}...) // nil would be the arguments of this test
	if code != exitCannotStart || stdout != "" || !strings.Contains(stderr, "redrive") {
		t.Errorf("without a command: exit code %d, standard output %q, standard error %q", code, stdout, stderr)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		stdout, stderr, code := call(t, "completion", shell)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "lazaret") {
			t.Errorf("completion %s: exit code %d, standard error %q", shell, code, stderr)
		}
	}
	for args, want := range map[string]string{
		"re": "redrive", "definitions ro": "rollback", "demo --layout th": "three-bucket", "version --output j": "json",
	} {
		stdout, _, _ := call(t, append([]string{"__completeNoDesc"}, strings.Fields(args)...)...)
		if !strings.Contains(stdout, want+"\n") {
			t.Errorf("completion of %q offers %q, want %q among them", args, stdout, want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	need.Clamd(t)
	stdout, _, code := call(t, "version", "--output", "json")
	if code != 0 || !strings.Contains(stdout, `"go": "go1.`) || !strings.Contains(stdout, `"clamav": "ClamAV `) {
		t.Errorf("exit code %d, got %s", code, stdout)
	}
}

// TestFlagsAreSpelledAlike holds what a flag is called that several commands have.
func TestFlagsAreSpelledAlike(t *testing.T) {
	t.Parallel()
	every(newRoot(), func(cmd *cobra.Command) {
		if f := cmd.Flags().Lookup("yes"); f != nil && f.Shorthand != "y" {
			t.Errorf("%s: --yes has the short form %q, want y", cmd.CommandPath(), f.Shorthand)
		}
		if f := cmd.Flags().Lookup("expires"); f != nil && !strings.Contains(f.Usage, "`duration`") {
			t.Errorf("%s: --expires %q does not call its value a duration", cmd.CommandPath(), f.Usage)
		}
	})
}
