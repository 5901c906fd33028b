//go:build images

package images_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// The images under test, as scripts/images names them.
var (
	scanImage      = os.Getenv("SCAN_IMAGE")
	freshclamImage = os.Getenv("FRESHCLAM_IMAGE")
)

// launch is the environment variable with the arguments of docker. If it is set, this test program is started in place
// of a function's bootstrap, and becomes docker.
const launch = "IMAGES_TEST_LAUNCH"

func TestMain(m *testing.M) {
	if arguments := os.Getenv(launch); arguments != "" {
		panic(become(arguments))
	}
	if scanImage == "" || freshclamImage == "" {
		fmt.Fprintln(os.Stderr, "SCAN_IMAGE and FRESHCLAM_IMAGE are not set: make images builds the images and sets them")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// become replaces this process by docker. It returns only if that fails.
func become(arguments string) error {
	var args []string
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		return err
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return err
	}
	return syscall.Exec(docker, append([]string{"docker"}, args...), os.Environ())
}

// docker runs a docker command and returns what it printed.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := try(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try runs a docker command and returns what it printed, or an error with what it printed to stderr.
func try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// run runs a program of an image in a container of its own, without network, and returns what it printed.
func run(t testing.TB, image string, options []string, program ...string) string {
	t.Helper()
	return docker(t, slices.Concat([]string{"run", "--rm", "--network", "none"}, options,
		[]string{"--entrypoint", program[0], image}, program[1:])...)
}

// function is an image as Lambda runs it.
type function struct {
	image   string
	user    string // "uid:gid"
	volume  string // folder of this machine, at /mnt/lazaret
	env     map[string]string
	options []string // of docker run
}

// start runs f in a container and returns a function that invokes it through the Runtime API; that function fails the
// test if f was not run. As on Lambda, the root file system is read-only except for /tmp, f has no capabilities and can
// gain none, the system calls that Lambda refuses are refused, and one environment serves all invocations. The shells
// are hidden, because nothing in the image may need one.
func start(t testing.TB, f function) func(payload any) lambda.Result {
	t.Helper()
	// A container goes on when the docker command that started it is killed. It is found by this label, and removed.
	label := "lazaret-images-test=" + uuid.NewString()
	variables := map[string]string{
		"WORK_DIR": "/mnt/lazaret/work", "DEFINITIONS_DIR": "/mnt/lazaret/definitions", "STACK_NAME": "images",
		"AWS_EC2_METADATA_DISABLED": "true",
	}
	maps.Copy(variables, f.env)
	profile, err := sandbox.Profile()
	if err != nil {
		t.Fatal(err)
	}
	filter := filepath.Join(t.TempDir(), "seccomp.json")
	if err := os.WriteFile(filter, profile, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"run", "--rm", "--label", label, "--network", "host", "--read-only", "--tmpfs", "/tmp:size=2g",
		"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "seccomp=" + filter,
		"--user", f.user, "-v", f.volume + ":/mnt/lazaret",
		"-v", "/dev/null:/usr/bin/dash:ro", "-v", "/dev/null:/usr/bin/bash:ro",
	}
	for _, name := range append(slices.Sorted(maps.Keys(variables)), "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "AWS_XRAY_DAEMON_ADDRESS",
		"AWS_XRAY_CONTEXT_MISSING", "LAMBDA_TASK_ROOT", "TZ") {
		args = append(args, "--env", name)
	}
	command, err := json.Marshal(slices.Concat(args, f.options, []string{f.image}))
	if err != nil {
		t.Fatal(err)
	}
	host, err := lambda.New(lambda.Config{
		Functions: []template.Function{{
			Name: "f", Short: "f", ARN: "arn:aws:lambda:us-east-1:000000000000:function:f",
			MemoryMB: 3008, Timeout: 3 * time.Minute,
		}},
		Binary: func(template.Function) (string, error) { return os.Executable() },
		Volume: t.TempDir(),
		Environment: func(template.Function) []string {
			env := []string{launch + "=" + string(command), "DOCKER_HOST=" + os.Getenv("DOCKER_HOST")}
			for name, value := range variables {
				env = append(env, name+"="+value)
			}
			return env
		},
		Logs: func(_, _, line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		host.Close()
		if ids := docker(t, "ps", "--all", "--quiet", "--filter", "label="+label); ids != "" {
			// It may be gone already, because of --rm.
			if _, err := try(append([]string{"rm", "--force"}, strings.Fields(ids)...)...); err != nil {
				t.Log(err)
			}
		}
	})
	return func(payload any) lambda.Result {
		t.Helper()
		body, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		result, err := host.Invoke(t.Context(), "f", body)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// answer decodes the answer of a function that succeeded.
func answer[T any](t testing.TB, r lambda.Result) (out T) {
	t.Helper()
	if r.FunctionError != "" {
		t.Fatalf("the function failed: %s", r.Payload)
	}
	if err := json.Unmarshal(r.Payload, &out); err != nil {
		t.Fatalf("answer %s: %v", r.Payload, err)
	}
	return out
}

// own changes the owner and the mode of a folder in the volume, as an access point does. It does so in a container,
// because the tests need not run as root.
func own(t testing.TB, volume, folder, user, mode string) {
	t.Helper()
	as := []string{"--user", "0", "-v", volume + ":/v"}
	run(t, scanImage, as, "chown", "-R", user, "/v/"+folder)
	run(t, scanImage, as, "chmod", mode, "/v/"+folder)
}

// newVolume returns a folder with the folders work and definitions. Before it is removed, it is given back to the user
// who runs the tests.
func newVolume(t testing.TB) string {
	t.Helper()
	volume := t.TempDir()
	err := errors.Join(
		os.Mkdir(filepath.Join(volume, "work"), 0o777),
		os.Mkdir(filepath.Join(volume, "definitions"), 0o777),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own(t, volume, ".", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), "0755") })
	return volume
}
