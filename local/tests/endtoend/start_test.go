package endtoend

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestCannotStart checks that lazaret local prints the reason why it cannot start in one line, exits with 2 and
// leaves nothing.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // after the subtests, which are parallel
	busy := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	running := start(t)
	unbuilt := write(
		t,
		"template.yaml",
		"Resources: {F: {Type: AWS::Serverless::Function, Properties: {FunctionName: f, Runtime: provided.al2023, CodeUri: .}}}",
	)
	empty := t.TempDir()
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"busy port":            {[]string{"--port", busy}, "take port " + busy},
		"data in use":          {[]string{"--data", running.Data}, "another stack is using it"},
		"data is a file":       {[]string{"--data", unbuilt}, "open data folder"},
		"no template":          {[]string{"--template", filepath.Join(empty, "none.yaml")}, "read template"},
		"template is a folder": {[]string{"--template", empty}, "read template"},
		"template is no YAML":  {[]string{"--template", write(t, "template.yaml", "Resources: [")}, "load "},
		"template is no template": {
			[]string{"--template", write(t, "template.yaml", "hello: world")}, "not a CloudFormation template",
		},
		"not built":         {[]string{"--template", unbuilt}, "run make build"},
		"no such parameter": {[]string{"--parameter-overrides", "Nope=1"}, "Nope"},
		"no such layout":    {[]string{"--parameter-overrides", "BucketLayout=four-bucket"}, "four-bucket"},
		"no definitions":    {[]string{"--definitions", filepath.Join(empty, "none")}, "use definitions from"},
		"broken definitions": {
			[]string{"--definitions", filepath.Dir(write(t, "daily.cvd", "not a CVD"))},
			"use definitions from",
		},
		"folder without them": {[]string{"--definitions", empty}, "use definitions from"},
		"definitions without EICAR": {
			[]string{"--definitions", filepath.Dir(write(t, "own.ndb", "Own:0:*:6f776e776f7264\n"))}, "add a signature of EICAR",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := harness.Command(t, append([]string{"local", "--port", "0"}, test.flags...)...)
			temp := t.TempDir()
			cmd.Env = append(os.Environ(), "TMPDIR="+temp)
			code, stdout, stderr := run(t, cmd)
			if code != 2 || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "lazaret: ") ||
				!strings.Contains(stderr, test.want) {
				t.Errorf("got exit code %d, want 2 and one line about %q:\n%s", code, test.want, stderr)
			}
			if strings.Contains(stdout, "ready") {
				t.Errorf("got standard output %q, want no line ready", stdout)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("in the temporary folder: got %v, %v, want nothing", left, err)
			}
		})
	}
}

// TestWrongFlags checks that a mistake on the command line is explained in one line, and that the exit code is 2.
func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{
		{
			"local", "--nope",
		}, {"local", "--port", "many"}, {"local", "--port", "70000"}, {
			"local",
			"--time-scale", "0",
		}, {"local", "extra"}, {"locale"},
	} {
		cmd := harness.Command(t, arguments...)
		code, _, stderr := run(t, cmd)
		if code != 2 || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "lazaret") {
			t.Errorf("%q: got exit code %d, want 2 and one line:\n%s", arguments, code, stderr)
		}
	}
}

// write writes a file in a temporary folder and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a command that ends by itself.
func run(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr.Pdeathsig = 0 // it ends before its thread may
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(harness.ReadyWithin, func() { _ = cmd.Process.Kill() }).Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
