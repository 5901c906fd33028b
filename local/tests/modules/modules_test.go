// Package modules tests that what is deployed is built from the root module alone, and that the command lazaret can be
// installed from a clone.
package modules

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
)

const root = "../../.."

// goCommand runs the go command in a folder, without the workspace, and returns what it prints.
func goCommand(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s in %s: %v\n%s", strings.Join(args, " "), dir, err, stderr.String())
	}
	return string(out)
}

// selected returns the version of each module that the root's go.mod selects.
func selected(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for line := range strings.Lines(goCommand(t, root, nil, "list", "-m", "-f", "{{.Path}} {{.Version}}", "all")) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		versions[path] = version
	}
	return versions
}

// TestDeployedVersions compares the modules in each deployed program with those that the root's go.mod selects. A
// program that was built in the workspace would have versions that only local/ asks for.
func TestDeployedVersions(t *testing.T) {
	t.Parallel()
	need.Programs(t)
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("found functions %q, %v, want one at least", mains, err)
	}
	want := selected(t)
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		program := filepath.Join(root, "build", name, "bootstrap")
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Errorf("read the modules of %s (make build builds it): %v", program, err)
			continue
		}
		if len(info.Deps) == 0 {
			t.Errorf("%s names no module, want the AWS SDK's at least", program)
		}
		for _, module := range info.Deps {
			if module.Replace != nil || module.Version != want[module.Path] {
				t.Errorf("%s has %s %s (replaced by %v), want the version of go.mod, %q", program, module.Path,
					module.Version, module.Replace, want[module.Path])
			}
		}
	}
}

// TestDeployedModulesAreFew holds libraries of the local stack out of the root's go.mod, which security reviewers read.
func TestDeployedModulesAreFew(t *testing.T) {
	t.Parallel()
	const s3Server = "github.com/versity/versitygw"
	all := selected(t)
	if version, ok := all[s3Server]; ok {
		t.Errorf("go.mod selects %s %s, want it in local/go.mod only", s3Server, version)
	}
	local := goCommand(t, filepath.Join(root, "local"), nil, "list", "-m", s3Server)
	if !strings.HasPrefix(local, s3Server+" v") {
		t.Errorf("local/go.mod selects %q, want a version of %s", local, s3Server)
	}
}

// TestInstall installs the command as README.md says, and runs it outside of the clone.
func TestInstall(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	goCommand(t, filepath.Join(root, "local"), []string{"GOBIN=" + bin}, "install", "./cmd/lazaret")
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "lazaret"), "version")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "lazaret ") {
		t.Errorf("lazaret version = %v, %q, want the version", err, out)
	}
}

// TestWorkspace compiles both modules in the workspace, as editors do.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	goCommand(t, root, []string{"GOWORK="}, "vet", "./functions/...", "./internal/job", "./local/cmd/...")
}
