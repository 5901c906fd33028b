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

	"github.com/lazaret/lazaret/local/machine"
)

// patience is how long one command may take.
const patience = 2 * time.Minute

// pages are those with commands for users.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*.md")
	if err != nil || len(found) < 5 {
		t.Fatalf("find the pages: %q, %v", found, err)
	}
	return append([]string{"../README.md", "../CONTRIBUTING.md", "../SECURITY.md"}, found...)
}

func read(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found, err := blocks(page, string(text))
	if err != nil {
		t.Error(err)
	}
	return found
}

// Every block says where it runs, and is a script that bash can read.
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
	t.Logf("%d kinds of blocks: %v", len(count), count)
	if count[onLocalStack] < 10 || count[onAWS] < 10 {
		t.Errorf("blocks %v, want ten on the local stack and on AWS at least", count)
	}
}

// make does what the pages say that it does.
func TestTargetsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?m)^(?:\$ )?make ([a-z]+)`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:.*## `).Match(makefile) {
				t.Errorf("%s says make %s, which the Makefile does not have", page, m[1])
			}
		}
	}
}

// TestPages runs what runs on the local stack, page after page, in the order in
// which it is written, in one shell for each page and on one stack for all.
func TestPages(t *testing.T) {
	t.Parallel()
	m := machine.Start(t, "--time-scale", "10")
	for _, page := range pages(t) {
		found := slices.DeleteFunc(read(t, page), func(b block) bool { return b.mark != onLocalStack })
		if len(found) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			sh := open(t, m)
			for _, b := range found {
				for _, s := range b.steps() {
					m.Idle(t) // what the command before set off is done
					printed, failed := sh.run(t, strings.ReplaceAll(s.command, "http://127.0.0.1:4566", m.Endpoint))
					where := fmt.Sprintf("%s:%d: %s", b.page, b.line, s.command)
					if failed && s.output == nil {
						t.Fatalf("%s\nfailed, and printed:\n%s", where, printed)
					}
					if wrong := compare(s.output, strings.ReplaceAll(printed, m.Endpoint, "http://127.0.0.1:4566")); b.transcript && wrong != nil {
						t.Fatalf("%s\nprinted:\n%s\nwhich is not what the page shows:\n%s", where, printed, strings.Join(wrong, "\n"))
					}
				}
			}
			m.Idle(t)
		})
	}
}

// shell is one in which a person works: variables of a block are there in the next.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

// awsCommand stands for the AWS command line. It is version 1, the only one that
// PyPI has, which reads AWS_ENDPOINT_URL for every service but SQS.
const awsCommand = `#!/bin/sh
[ "$1" != sqs ] || set -- "$@" --endpoint-url "$AWS_ENDPOINT_URL"
exec %q "$@"
`

// open starts a shell in the repository, with lazaret and the AWS command line.
func open(t *testing.T, m *machine.Machine) shell {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	awscli := filepath.Join(root, ".tools", "awscli", "bin", "aws")
	if _, err := os.Stat(awscli); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("make .tools/awscli/installed brings the AWS command line: %v", err)
		}
		t.Fatal(err)
	}
	programs := t.TempDir()
	if err := os.WriteFile(filepath.Join(programs, "aws"), fmt.Appendf(nil, awsCommand, awscli), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-s")
	cmd.Dir = root
	cmd.Env = []string{
		"PATH=" + programs + ":" + filepath.Join(root, "bin") + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=dumb",
		"AWS_EC2_METADATA_DISABLED=true",
		// What lazaret local prints to export. A page that forgets to say so is found by
		// reading; here no command may ever reach AWS.
		"AWS_ENDPOINT_URL=" + m.Endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
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

// run has the shell run commands, and returns what they printed to both outputs
// and whether any of them failed.
func (s shell) run(t *testing.T, commands string) (printed string, failed bool) {
	t.Helper()
	const end = "\x04 end of what was printed"
	stuck := time.AfterFunc(patience, func() { panic(fmt.Sprintf("after %s this command has not ended: %s", patience, commands)) })
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
		{"another version", "'s3://b/k?versionId=01M826EJE6VGVG521V9Q7MD91Q'", "'s3://b/k?versionId=01M999EJE6VGVG521V9Q7MD91Q'\n", true},
		{"another key", "'s3://b/k?versionId=01M826EJE6VGVG521V9Q7MD91Q'", "'s3://b/l?versionId=01M999EJE6VGVG521V9Q7MD91Q'\n", false},
		{"cut", "execution a_txt-…", "execution a_txt-06d904db\n", true},
	}
	for _, tt := range tests {
		if wrong := compare(strings.Split(tt.shown, "\n"), tt.printed); (wrong == nil) != tt.same {
			t.Errorf("%s: %q", tt.name, wrong)
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
		{"another mark", "```console\n# somewhere\n$ aws s3 ls\n```", "where it runs"},
		{"without a language", "```\naws s3 ls\n```", "language"},
		{"without an end", "```sh\n# on AWS\naws s3 ls", "without an end"},
		{"indented", "x\n\n    make demo\n", "want a block"},
	} {
		_, err := blocks("p.md", tt.text)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}
