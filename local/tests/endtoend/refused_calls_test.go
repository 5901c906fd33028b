package endtoend

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestScanWithoutUnknowns refuses two system calls to the function scan, one at a time, of which it is not known
// whether Lambda allows them: memfd_create, and restart_syscall, with which the kernel continues a wait after a
// freeze (Lambda refused it until 2019). The verdicts must be the same, before and after a freeze. clamd ends when
// the wait fails, possibly in the middle of the next scan; then this test scans again, as the state machine does.
func TestScanWithoutUnknowns(t *testing.T) {
	t.Parallel()
	command := harness.Command(t)
	build := filepath.Join(command.Dir, "build")
	for _, call := range []string{"memfd_create", "restart_syscall"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			volume := t.TempDir()
			set := filepath.Join(t.TempDir(), "set")
			err := errors.Join(
				os.Mkdir(filepath.Join(volume, "work"), 0o777),
				os.Chmod(filepath.Join(volume, "work"), 0o777),
				definitions.WriteTest(set),
			)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := definitions.Open(filepath.Join(volume, "definitions")).Publish(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			records := httptest.NewServer(http.NotFoundHandler()) // no content is blocked or allowed
			t.Cleanup(records.Close)
			host, err := lambda.New(lambda.Config{
				Functions: []template.Function{
					{
						Name:     "scan",
						Short:    "scan",
						ARN:      "arn:aws:lambda:us-east-1:000000000000:function:scan",
						Image:    true,
						MemoryMB: 3008,
						Timeout:  time.Minute,
						Mounts:   []template.Mount{{Path: "/mnt/lazaret", Root: "/"}},
						Environment: map[string]string{
							"WORK_DIR":                  "/mnt/lazaret/work",
							"DEFINITIONS_DIR":           "/mnt/lazaret/definitions",
							"STACK_NAME":                "test",
							"MAX_DEFINITIONS_AGE":       "1h",
							"AWS_EC2_METADATA_DISABLED": "true",
							"RECORDS_BUCKET":            "records",
							"AWS_ENDPOINT_URL":          records.URL,
							"AWS_REGION":                "us-east-1",
							"AWS_ACCESS_KEY_ID":         "test",
							"AWS_SECRET_ACCESS_KEY":     "test",
						},
					},
				},
				Binary:  func(f template.Function) (string, error) { return filepath.Join(build, f.Short, "bootstrap"), nil },
				Volume:  volume,
				Temp:    t.TempDir(),
				Freeze:  true,
				Sandbox: sandbox.View,
				Mask:    []string{call},
				Logs:    func(_, _, line string) { t.Log(line) },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(host.Close)
			if host.Level() < sandbox.Filtered {
				need.Allowed(t, "to refuse system calls", host.Weakness())
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
					Work: &job.Work{
						File:    name,
						Size:    size,
						SHA256:  fmt.Sprintf("%x", sha256.Sum256(content)),
						Fetches: 1,
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				result, err := host.Invoke(t.Context(), "scan", body)
				if err == nil && call == "restart_syscall" &&
					strings.Contains(string(result.Payload), `"errorType":"Engine"`) {
					result, err = host.Invoke(t.Context(), "scan", body)
				}
				if err != nil || result.FunctionError != "" {
					t.Fatalf("scan %s: got error %v, %s, want a verdict", name, err, result.Payload)
				}
				var got job.Job
				err = json.Unmarshal(result.Payload, &got)
				if err != nil || got.Scan == nil || got.Scan.Verdict != want {
					t.Errorf("scan %s: %s, %v, want %s", name, result.Payload, err, want)
				}
			}
		})
	}
}
