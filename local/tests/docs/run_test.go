package docs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// patience is how long one command may take.
const patience = 2 * time.Minute

// pages lists the documents of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for pattern, least := range map[string]int{
		"../../../*.md": 4, "../../../docs/*.md": 10, "../../../docs/adr/*.md": 20,
	} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) < least {
			t.Fatalf("find the pages %s: got %q, %v, want at least %d", pattern, some, err, least)
		}
		found = append(found, some...)
	}
	slices.Sort(found)
	return found
}

// content returns the text of a page.
func content(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read returns the blocks of commands of a page.
func read(t *testing.T, page string) []block {
	t.Helper()
	found, err := blocks(page, content(t, page))
	if err != nil {
		t.Error(err)
	}
	return found
}

// TestBlocksAreMarked reads every block of commands: it says where it runs, and is
// a script that bash can read.
func TestBlocksAreMarked(t *testing.T) {
	t.Parallel()
	count := map[mark]int{}
	for _, page := range pages(t) {
		for _, b := range read(t, page) {
			count[b.mark]++
			for _, s := range b.steps() {
				check := exec.CommandContext(t.Context(), "bash", "-n")
				check.Stdin = strings.NewReader(s.command)
				if said, err := check.CombinedOutput(); err != nil {
					t.Errorf("%s:%d: bash cannot read this block: %v: %s", b.page, b.line, err, said)
				}
			}
		}
	}
	for m := range marks {
		if least := map[mark]int{onLocalStack: 10, onAWS: 10}[m]; count[m] < max(1, least) {
			t.Errorf("got %d blocks marked %q, want at least %d", count[m], m, max(1, least))
		}
	}
}

// target is a target of the Makefile as a page names it, in a block or in prose.
var target = regexp.MustCompile("(?m)(?:^|[$] |`)make ([a-z]+)")

// TestTargetsExist looks in the Makefile for each target that a page names.
func TestTargetsExist(t *testing.T) {
	t.Parallel()
	makefile := content(t, "../../../Makefile")
	count := 0
	for _, page := range pages(t) {
		for _, m := range target.FindAllStringSubmatch(content(t, page), -1) {
			count++
			if !regexp.MustCompile(`(?m)^` + m[1] + `:.*## `).MatchString(makefile) {
				t.Errorf("%s says make %s, which the Makefile does not have", page, m[1])
			}
		}
	}
	if count < 30 {
		t.Errorf("got %d targets in the pages, want at least 30", count)
	}
}

// TestPages runs the blocks marked "on the local stack" in the order of the page. Each
// page has a shell and a stack of its own.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		found := slices.DeleteFunc(read(t, page), func(b block) bool { return b.mark != onLocalStack })
		if len(found) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			m := harness.Start(t, "--time-scale", "10")
			sh := open(t, m)
			for _, b := range found {
				for _, s := range b.steps() {
					m.AwaitIdle(t) // the executions that the command before started have ended
					printed, failed := sh.run(t, strings.ReplaceAll(s.command, "http://127.0.0.1:4566", m.Endpoint))
					where := fmt.Sprintf("%s:%d: %s", b.page, b.line, s.command)
					if failed && s.output == nil {
						t.Fatalf("%s\nfailed, and printed:\n%s", where, printed)
					}
					printed = strings.ReplaceAll(printed, m.Endpoint, "http://127.0.0.1:4566")
					if wrong := compare(s.output, printed); b.transcript && wrong != nil {
						t.Fatalf("%s\ngot:\n%s\nwhich differs from the page:\n%s", where, printed, strings.Join(wrong, "\n"))
					}
				}
			}
			m.AwaitIdle(t)
		})
	}
}

// shell is a running bash. Variables that a block sets are there in the next block.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

// awsCommand replaces the AWS CLI, version 1, which ignores AWS_ENDPOINT_URL for
// queues and asks AWS unless it has --endpoint-url. It refuses a command that would
// go to AWS: a page has to set the endpoint first.
const awsCommand = `#!/bin/sh
refuse() { echo "this command of a page would go to AWS: aws $*; $why" >&2; exit 1; }
why="AWS_ENDPOINT_URL is '$AWS_ENDPOINT_URL'"
[ "$AWS_ENDPOINT_URL" = %q ] || refuse "$@"
why='version 1 of the AWS CLI wants --endpoint-url for queues'
case "$*" in
sqs*--endpoint-url*) ;;
sqs*) refuse "$@" ;;
esac
exec %q "$@"
`

// checkout makes a folder with links to all that the repository holds, and with
// awsCommand in place of the AWS CLI.
func checkout(t *testing.T, endpoint string) (dir, programs string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	awscli := need.AWSCLI(t)
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, e := range entries {
		if e.Name() == ".tools" {
			continue
		}
		if err := os.Symlink(filepath.Join(root, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	programs = filepath.Join(dir, ".tools", "awscli", "bin")
	if err := os.MkdirAll(programs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(programs, "aws"), fmt.Appendf(nil, awsCommand, endpoint, awscli),
		0o755); err != nil {
		t.Fatal(err)
	}
	return dir, programs
}

// open starts a shell in a checkout, without any configuration of the user's.
func open(t *testing.T, m *harness.Machine) shell {
	t.Helper()
	dir, programs := checkout(t, m.Endpoint)
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-s")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=dumb", "AWS_EC2_METADATA_DISABLED=true",
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = pipe, pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // its last command's exit code
		out.Close()
	})
	s := shell{in, bufio.NewReader(out)}
	s.run(t, "set -o pipefail; trap 'failed=1' ERR; set -E")
	return s
}

// run gives commands to the shell. It returns what they printed to both outputs, and
// whether any of them failed.
func (s shell) run(t *testing.T, commands string) (printed string, failed bool) {
	t.Helper()
	const end = "\x04 end of what was printed"
	stuck := time.AfterFunc(patience, func() {
		panic(fmt.Sprintf("after %s this command has not ended: %s", patience, commands))
	})
	defer stuck.Stop()
	if _, err := fmt.Fprintf(s.in, "failed=0; {\n%s\n} </dev/null\necho; echo '%s' $failed\n", commands, end); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if code, ok := strings.CutPrefix(line, end); ok {
			return strings.TrimSuffix(b.String(), "\n"), strings.TrimSpace(code) != "0"
		}
		b.WriteString(line)
		if err != nil {
			t.Fatalf("the shell ended at %s: %v\n%s", commands, err, &b)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, shown, printed string
		same                 bool
	}{
		{"the same", "a\nb", "a\nb\n", true},
		{"in another order", "a\nb", "b\na\n", true},
		{"not printed", "a\nb", "a\n", false},
		{"not shown", "a", "a\nb\n", false},
		{"left out", "a\n…", "a\nb\n", true},
		{"another time", "    0.006 s  Scan", "    1.134 s  Scan\n", true},
		{"another count", "4 dead letters", "5 dead letters\n", false},
		{
			"another version",
			"'s3://b/k?versionId=01M826EJE6VGVG521V9Q7MD91Q'", "'s3://b/k?versionId=01M999EJE6VGVG521V9Q7MD91Q'\n", true,
		},
		{
			"another key",
			"'s3://b/k?versionId=01M826EJE6VGVG521V9Q7MD91Q'", "'s3://b/l?versionId=01M999EJE6VGVG521V9Q7MD91Q'\n", false,
		},
		{"cut", "execution a_txt-…", "execution a_txt-06d904db\n", true},
	}
	for _, tt := range tests {
		if wrong := compare(strings.Split(tt.shown, "\n"), tt.printed); (wrong == nil) != tt.same {
			t.Errorf("%s: compare() = %q, want the same: %t", tt.name, wrong, tt.same)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, says string }{
		{"marked", "```sh\n# on AWS: later\naws s3 ls\n```", ""},
		{"in a list", "- x\n\n  ```sh\n  # on AWS\n  aws s3 ls\n  ```", ""},
		{"text", "```text\nx\n```", ""},
		{"without a mark", "```sh\naws s3 ls\n```", "where it runs"},
		{"a mark that is no comment", "```sh\non AWS\naws s3 ls\n```", "where it runs"},
		{"another mark", "```console\n# somewhere\n$ aws s3 ls\n```", "where it runs"},
		{"without a language", "```\naws s3 ls\n```", "language"},
		{"without an end", "```sh\n# on AWS\naws s3 ls", "without an end"},
		{"indented", "x\n\n    make demo\n", "want a block"},
	} {
		_, err := blocks("p.md", tt.text)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: blocks() = %v, want %q", tt.name, err, tt.says)
		}
	}
}
