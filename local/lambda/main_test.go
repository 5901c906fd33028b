package lambda

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// actor is the path of the built test function.
var actor string

func TestMain(m *testing.M) {
	if os.Getenv("LAMBDA_TEST_VICTIM") != "" {
		victim()
		return
	}
	dir, err := os.MkdirTemp("", "lambda-test-")
	if err != nil {
		panic(err)
	}
	actor = filepath.Join(dir, "bootstrap")
	if out, err := exec.Command("go", "build", "-o", actor, "./testdata/functions/actor").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the test function: %v\n%s", err, out))
	}
	// What a developer's shell may hold and no function may see.
	for name, value := range map[string]string{
		"AWS_PROFILE": "production", "AWS_SECRET_ACCESS_KEY": "real", "HTTPS_PROXY": "http://127.0.0.1:1", "EDITOR": "vi",
	} {
		os.Setenv(name, value)
	}
	code := m.Run()
	if left := leftovers(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "processes left behind:", left)
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// leftovers lists the processes that run the test function or its child.
func leftovers() (left []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if bytes.HasPrefix(line, []byte(actor)) || bytes.HasPrefix(line, []byte("sleep\x0086413")) {
			left = append(left, file+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return left
}

// state is the letter of a process's state in /proc, "" when there is no such
// process. Z, a zombie, is gone for our purposes: its parent is to blame.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	letter := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]
	return strings.TrimPrefix(letter, "Z")
}

// eventually waits for what the kernel does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// logbook collects what functions write.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) write(function, _, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, function+": "+line)
}

// find returns what follows each prefix, of the lines that have it.
func (l *logbook) find(prefix string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			found = append(found, rest)
		}
	}
	return found
}

// fn is a function called name that runs the test binary.
func fn(name string, change ...func(*template.Function)) template.Function {
	f := template.Function{
		Name: name, Short: name, ARN: "arn:aws:lambda:us-east-1:000000000000:function:" + name,
		RoleARN: "arn:aws:iam::000000000000:role/" + name, MemoryMB: 128, Timeout: 30 * time.Second,
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func reserved(n int) func(*template.Function) {
	return func(f *template.Function) { f.Reserved = &n }
}

func timeout(d time.Duration) func(*template.Function) {
	return func(f *template.Function) { f.Timeout = d }
}

func variable(name, value string) func(*template.Function) {
	return func(f *template.Function) { f.Environment = map[string]string{name: value} }
}

func startHost(t testing.TB, cfg Config) *Host {
	t.Helper()
	if cfg.Binary == nil {
		cfg.Binary = func(template.Function) (string, error) { return actor, nil }
	}
	if cfg.Volume == "" {
		cfg.Volume = t.TempDir()
	}
	if cfg.Sandbox == 0 {
		cfg.Sandbox = sandbox.View
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func request(do, text string) []byte {
	payload, _ := json.Marshal(map[string]string{"do": do, "text": text})
	return payload
}

// mustInvoke returns the response of an invocation that has to succeed.
func mustInvoke[T any](t testing.TB, h *Host, name string, payload []byte) (out T) {
	t.Helper()
	result, err := h.Invoke(context.Background(), name, payload)
	if err != nil || result.FunctionError != "" {
		t.Fatalf("invoke %s with %s: %v %s %s", name, payload, err, result.FunctionError, result.Payload)
	}
	if err := json.Unmarshal(result.Payload, &out); err != nil {
		t.Fatalf("response %s: %v", result.Payload, err)
	}
	return out
}

// victim is a host in a process of its own, for TestHostKilled. Its function is
// busy, so that it does not notice by itself that the host is gone.
func victim() {
	h, err := New(Config{
		Functions: []template.Function{fn("f")},
		Binary:    func(template.Function) (string, error) { return os.Getenv("LAMBDA_TEST_VICTIM"), nil },
		Logs:      func(_, _, line string) { fmt.Println(line) },
		Sandbox:   sandbox.View,
	})
	if err != nil {
		panic(err)
	}
	_, err = h.Invoke(context.Background(), "f", []byte(`{"do":"daemon-then-hang"}`))
	panic(err)
}

func TestHostKilled(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	// A host that is killed cannot remove its environments' folders.
	cmd.Env = append(os.Environ(), "LAMBDA_TEST_VICTIM="+actor, "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		if _, number, ok := strings.Cut(lines.Text(), " "); ok {
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	if len(pids) != 2 {
		t.Fatalf("got processes %v, want the function and its child", pids)
	}
	for _, pid := range pids {
		eventually(t, "process "+strconv.Itoa(pid)+" dies with its host", func() bool { return state(pid) == "" })
	}
}
