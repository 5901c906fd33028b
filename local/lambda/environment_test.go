package lambda

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
		Functions: []template.Function{spec}, Volume: volume, Temp: t.TempDir(),
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
		t.Errorf("got context %+v, want the function's ARN, the time left and a trace", got)
	}
	env := map[string]string{}
	for _, pair := range got.Environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	for name, prefix := range map[string]string{
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:", "AWS_LAMBDA_LOG_STREAM_NAME": time.Now().UTC().Format("2006/01/"),
		"_X_AMZN_TRACE_ID": "Root=", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:", "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT": "",
	} {
		if !strings.HasPrefix(env[name], prefix) {
			t.Errorf("%s=%s, want it to start with %s", name, env[name], prefix)
		}
		delete(env, name)
	}
	want := map[string]string{
		"PATH":                            zipPath,
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"LD_LIBRARY_PATH":                 libraries,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"WORK_DIR":                        "/mnt/lazaret",
		"DEFINITIONS":                     "/mnt/lazaret/definitions",
		"OTHER":                           "/mnt/lazarets",
		"TWICE":                           "host",
		"AWS_ENDPOINT_URL":                "http://127.0.0.1:4566",
		"AWS_ACCESS_KEY_ID":               "lazaret-scan",
		"AWS_LAMBDA_FUNCTION_NAME":        "lazaret-scan",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/lazaret-scan",
		"AWS_REGION":                      "us-east-1",
		"AWS_DEFAULT_REGION":              "us-east-1",
		"LAMBDA_TASK_ROOT":                "/var/task",
		"_HANDLER":                        "bootstrap",
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	info, err := os.Stat(volume + "/lazaret/work")
	if err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("got mount folder %v, %v, want mode 0777", info, err)
	}
	if homes, err := os.ReadDir(h.Temp); len(homes) != 1 {
		t.Errorf("folders of environments: %v, %v, want one", homes, err)
	}
	h.Close()
	if homes, err := os.ReadDir(h.Temp); len(homes) != 0 {
		t.Errorf("got folders %v, %v after Close, want none", homes, err)
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
	if got := <-done; !strings.Contains(got, "Runtime exited with error: signal: killed") {
		t.Errorf("got %s, want the exit by SIGKILL", got)
	}
}

// TestCloseKillsTheDeaf covers a process that heeds no signal.
func TestCloseKillsTheDeaf(t *testing.T) {
	t.Parallel()
	for _, freeze := range []bool{false, true} {
		t.Run("freeze="+strconv.FormatBool(freeze), func(t *testing.T) {
			t.Parallel()
			h := startHost(t, Config{Functions: []template.Function{fn("f")}, Freeze: freeze})
			pid := mustInvoke[int](t, h, "f", request("deaf", ""))
			h.Close()
			if s := state(pid); s != "" {
				t.Errorf("process %d: got state %s, want it gone", pid, s)
			}
		})
	}
}

// TestCrashKeepsTemp: /tmp and the log stream are the environment's, whatever
// happens to its processes, and go with it.
func TestCrashKeepsTemp(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"exit", "kill", "hang", "hog"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			spec := fn("f", reserved(1), timeout(3*time.Second))
			h := startHost(t, Config{Functions: []template.Function{spec}, Temp: t.TempDir()})
			mustInvoke[string](t, h, "f", request("leave", "left"))
			first := mustInvoke[struct{ Environ []string }](t, h, "f", request("context", "")).Environ
			result, err := h.Invoke(t.Context(), "f", []byte(`{"do":"`+do+`","size":1}`))
			if err != nil || result.FunctionError == "" {
				t.Fatalf("%s: %+v, %v, want it to fail", do, result, err)
			}
			if got := mustInvoke[string](t, h, "f", request("find", "left")); got != "left" {
				t.Errorf("/tmp has %q, want what was left", got)
			}
			second := mustInvoke[struct{ Environ []string }](t, h, "f", request("context", "")).Environ
			if a, b := stream(first), stream(second); a != b {
				t.Errorf("got log stream %s, want %s", b, a)
			}
			h.Close()
			if homes, err := os.ReadDir(h.Temp); len(homes) != 0 {
				t.Errorf("got folders %v, %v after Close, want none", homes, err)
			}
		})
	}
}

func stream(environ []string) string {
	for _, v := range environ {
		if name, ok := strings.CutPrefix(v, "AWS_LAMBDA_LOG_STREAM_NAME="); ok {
			return name
		}
	}
	return ""
}

// TestRuntimeAPIIsClosed: what is not the function's own process gets nothing,
// and can answer nothing.
func TestRuntimeAPIIsClosed(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	h := startHost(t, Config{Functions: []template.Function{fn("f")}})
	done := make(chan Result)
	go func() {
		result, _ := h.Invoke(context.Background(), "f", request("visit", g.url))
		done <- result
	}()
	<-g.visitors
	var e *environment
	h.listening.Range(func(_, value any) bool { e = value.(*environment); return false })
	address := h.runtime.Addr().String()
	answer := "/2018-06-01/runtime/invocation/" + e.current.Load().id + "/response"
	for _, tt := range []struct{ name, path, host string }{
		{"no secret", answer, address},
		{"a wrong secret", "/ABC" + answer, address},
		{"another name for this machine", "/" + e.secret + answer, "attacker.example:80"},
		{"localhost", "/" + e.secret + answer, "localhost"},
	} {
		r, err := http.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			"http://"+address+tt.path,
			strings.NewReader(`"forged"`),
		)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 403 or 404", tt.name, resp.StatusCode)
		}
	}
	close(g.open)
	if result := <-done; result.FunctionError != "" || strings.Contains(string(result.Payload), "forged") {
		t.Errorf("got %+v, want the function's own answer", result)
	}
}

// TestRuntimeAPIIsOfOneUser: a secret that became known serves nobody but the user
// whose it is, neither root nor another function's.
func TestRuntimeAPIIsOfOneUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("gives sockets to other users, which needs root; CI is root")
	}
	g := newGate(t)
	h := startHost(t, Config{Functions: []template.Function{fn("f"), fn("other")}, Peers: true})
	mustInvoke[any](t, h, "other", request("echo", ""))
	done := make(chan Result)
	go func() {
		result, _ := h.Invoke(context.Background(), "f", request("visit", g.url))
		done <- result
	}()
	<-g.visitors
	environments := map[string]*environment{}
	h.listening.Range(func(_, e any) bool { environments[e.(*environment).function.Name] = e.(*environment); return true })
	f := environments["f"]
	answer := fmt.Sprintf(
		"http://%s/%s/2018-06-01/runtime/invocation/%s/response",
		h.runtime.Addr(),
		f.secret,
		f.current.Load().id,
	)
	for _, tt := range []struct {
		uid  uint32
		want int
	}{{0, 403}, {1000, 403}, {environments["other"].uid(), 403}, {f.uid(), 202}} {
		dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.Fchown(int(fd), int(tt.uid), -1) })
		}}
		client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		resp, err := client.Post(answer, "", strings.NewReader(fmt.Sprintf(`"of %d"`, tt.uid)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("user %d: status %d, want %d", tt.uid, resp.StatusCode, tt.want)
		}
	}
	close(g.open)
	if got, want := string((<-done).Payload), fmt.Sprintf(`"of %d"`, f.uid()); got != want {
		t.Errorf("the function answered %s, want %s", got, want)
	}
}

// TestOtherSessionEnds: a process that left its session ends with the environment.
func TestOtherSessionEnds(t *testing.T) {
	t.Parallel()
	var logs logbook
	h := startHost(t, Config{Functions: []template.Function{fn("f", timeout(2*time.Second))}, Logs: logs.write})
	if _, err := h.Invoke(t.Context(), "f", request("daemon-then-hang", "")); err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.Join(logs.find("f: child "), ""))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the daemon is gone", func() bool { return state(child) == "" })
}
