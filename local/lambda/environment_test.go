package lambda

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

func withCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func reportQuantiles(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

func TestProcessEnvironment(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	spec := fn("lazaret-scan", func(f *template.Function) {
		f.MemoryMB, f.Timeout = 3008, 20*time.Second
		f.Mounts = []template.Mount{{Path: "/mnt/lazaret", Root: "/lazaret/work"}}
		f.Environment = map[string]string{
			"WORK_DIR": "/mnt/lazaret", "DEFINITIONS": "/mnt/lazaret/definitions",
			"OTHER": "/mnt/lazarets", "TWICE": "template", "AWS_LAMBDA_FUNCTION_NAME": "forged",
		}
	})
	h := startHost(t, Config{
		Functions: []template.Function{spec}, Volume: volume,
		Environment: func(f template.Function) []string {
			return []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID=" + f.Short, "TWICE=host"}
		},
	})
	type answer struct {
		ID, ARN, Trace string
		Left           float64
		Environ        []string
	}
	got := mustInvoke[answer](t, h, spec.Name, request("context", ""))
	if got.ARN != spec.ARN || got.Left <= 0 || got.Left > 20 || !strings.HasPrefix(got.Trace, "Root=1-") {
		t.Errorf("context: %+v", got)
	}
	env := map[string]string{}
	for _, pair := range got.Environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	temp := env["TMPDIR"]
	for name, prefix := range map[string]string{
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:", "AWS_LAMBDA_LOG_STREAM_NAME": time.Now().UTC().Format("2006/01/"),
		"TMPDIR": os.TempDir(), "_X_AMZN_TRACE_ID": "Root=",
	} {
		if !strings.HasPrefix(env[name], prefix) {
			t.Errorf("%s=%s, want it to start with %s", name, env[name], prefix)
		}
		delete(env, name)
	}
	want := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"), "TZ": ":UTC",
		"AWS_XRAY_SDK_DISABLED": "TRUE",
		"WORK_DIR":              volume + "/lazaret/work", "DEFINITIONS": volume + "/lazaret/work/definitions", "OTHER": "/mnt/lazarets",
		"TWICE": "host", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "lazaret-scan",
		"AWS_LAMBDA_FUNCTION_NAME": "lazaret-scan", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/lazaret-scan", "AWS_REGION": "us-east-1",
		"AWS_DEFAULT_REGION": "us-east-1", "LAMBDA_TASK_ROOT": filepath.Dir(actor), "_HANDLER": "bootstrap",
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	info, err := os.Stat(volume + "/lazaret/work")
	if err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("mount folder: %v %v", info, err)
	}
	if _, err := os.Stat(temp); err != nil {
		t.Error(err)
	}
	h.Close()
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", temp, err)
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	h := startHost(t, Config{Functions: []template.Function{fn("f", reserved(1))}, Freeze: true})
	pids := mustInvoke[[]int](t, h, "f", request("child", ""))
	for range 3 {
		for _, pid := range pids {
			eventually(t, "process is stopped", func() bool { return state(pid) == "T" })
		}
		if got := mustInvoke[struct{ PID int }](t, h, "f", request("context", "")).PID; got != pids[0] {
			t.Fatalf("process %d served, want the thawed %d", got, pids[0])
		}
	}
}

// TestChildren shows that whatever ends an environment ends its children.
func TestChildren(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, do string }{
		{"close", "child"}, {"timeout", "child-then-hang"}, {"panic", "child-then-panic"},
	}
	for _, freeze := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name+"/freeze="+strconv.FormatBool(freeze), func(t *testing.T) {
				t.Parallel()
				var logs logbook
				h := startHost(t, Config{
					Functions: []template.Function{fn("f", timeout(2*time.Second))}, Freeze: freeze, Logs: logs.write,
				})
				if _, err := h.Invoke(t.Context(), "f", request(tt.do, "")); err != nil {
					t.Fatal(err)
				}
				child, err := strconv.Atoi(strings.Join(logs.find("f: child "), ""))
				if err != nil {
					t.Fatal(err)
				}
				if tt.do == "child" {
					if state(child) == "" {
						t.Fatal("the child is gone before its environment")
					}
					h.Close()
				}
				eventually(t, "the child is gone", func() bool { return state(child) == "" })
			})
		}
	}
}

func TestIdleEnvironmentDies(t *testing.T) {
	t.Parallel()
	h := startHost(t, Config{Functions: []template.Function{fn("f", reserved(1))}})
	first := mustInvoke[struct{ PID int }](t, h, "f", request("context", "")).PID
	process, err := os.FindProcess(first)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the host notices", func() bool { return len(h.functions["f"].environments()) == 0 })
	mustInvoke[string](t, h, "f", nil)
}

func TestCloseEndsInvocations(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	defer close(g.open)
	h := startHost(t, Config{Functions: []template.Function{fn("f")}})
	done := make(chan string)
	go func() {
		result, err := h.Invoke(context.Background(), "f", request("visit", g.url))
		done <- fmt.Sprint(string(result.Payload), err)
	}()
	<-g.visitors
	h.Close()
	if got := <-done; !strings.Contains(got, "Runtime exited with error: signal: terminated") {
		t.Errorf("got %s", got)
	}
}

// TestCloseKillsTheDeaf covers a process that does not heed SIGTERM.
func TestCloseKillsTheDeaf(t *testing.T) {
	t.Parallel()
	for _, freeze := range []bool{false, true} {
		t.Run("freeze="+strconv.FormatBool(freeze), func(t *testing.T) {
			t.Parallel()
			h := startHost(t, Config{Functions: []template.Function{fn("f")}, Freeze: freeze})
			pid := mustInvoke[int](t, h, "f", request("deaf", ""))
			h.Close()
			if s := state(pid); s != "" {
				t.Errorf("process %d is left in state %s", pid, s)
			}
		})
	}
}
