package machine

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// TestScanWithoutUnknowns takes from the function scan, one by one, what nobody
// has seen Lambda allow or refuse: files in memory, and the call with which the
// kernel takes up a wait that a freeze interrupted (Lambda refused it until 2019).
// The function's verdicts must be the same, before and after a freeze. clamd ends
// when that wait fails, which may be in the middle of the next scan: then the state
// machine, and this test, ask once more.
func TestScanWithoutUnknowns(t *testing.T) {
	t.Parallel()
	command, err := Command()
	if err != nil {
		t.Fatal(err)
	}
	build := filepath.Join(command.Dir, "build")
	for _, call := range []string{"memfd_create", "restart_syscall"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			volume := t.TempDir()
			set := filepath.Join(t.TempDir(), "set")
			if err := errors.Join(os.Mkdir(filepath.Join(volume, "work"), 0o777), os.Chmod(filepath.Join(volume, "work"), 0o777), definitions.WriteTest(set)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { writable(volume) })
			if _, err := definitions.Open(filepath.Join(volume, "definitions")).Publish(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			host, err := lambda.New(lambda.Config{
				Functions: []template.Function{{
					Name: "scan", Short: "scan", ARN: "arn:aws:lambda:us-east-1:000000000000:function:scan", Image: true, MemoryMB: 3008,
					Timeout: time.Minute, Mounts: []template.Mount{{Path: "/mnt/lazaret", Root: "/"}},
					Environment: map[string]string{
						"WORK_DIR": "/mnt/lazaret/work", "DEFINITIONS_DIR": "/mnt/lazaret/definitions", "STACK_NAME": "test",
						"MAX_DEFINITIONS_AGE": "1h", "AWS_EC2_METADATA_DISABLED": "true",
					},
				}},
				Binary: func(f template.Function) (string, error) { return filepath.Join(build, f.Short, "bootstrap"), nil },
				Volume: volume, Temp: t.TempDir(), Freeze: true, Sandbox: sandbox.View, Mask: []string{call},
				Logs: func(_, _, line string) { t.Log(line) },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(host.Close)
			if host.Level() < sandbox.Filtered {
				t.Skipf("system calls cannot be refused on this machine: %v", host.Weakness())
			}
			for i, want := range []job.Verdict{job.Clean, job.Infected, job.Clean, job.Infected} {
				content := []byte(strings.Repeat("nothing to see here ", 10) + fmt.Sprint(i))
				if want == job.Infected {
					content = eicar.Bytes()
				}
				name := fmt.Sprintf("object-%d", i)
				path := filepath.Join(volume, "work", name)
				if err := errors.Join(os.WriteFile(path, content, 0o666), os.Chmod(path, 0o666)); err != nil {
					t.Fatal(err)
				}
				size := int64(len(content))
				body, err := json.Marshal(job.Job{
					Version: job.Version,
					Object:  job.Object{Bucket: "uploads", Key: name, VersionID: "v1", Size: size},
					Work:    &job.Work{File: name, Size: size, SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), Fetches: 1},
				})
				if err != nil {
					t.Fatal(err)
				}
				result, err := host.Invoke(t.Context(), "scan", body)
				if err == nil && call == "restart_syscall" && strings.Contains(string(result.Payload), `"errorType":"Engine"`) {
					result, err = host.Invoke(t.Context(), "scan", body)
				}
				if err != nil || result.FunctionError != "" {
					t.Fatalf("scan %s: %v %s", name, err, result.Payload)
				}
				var got job.Job
				if err := json.Unmarshal(result.Payload, &got); err != nil || got.Scan == nil || got.Scan.Verdict != want {
					t.Errorf("scan %s: %s, %v, want %s", name, result.Payload, err, want)
				}
			}
		})
	}
}
