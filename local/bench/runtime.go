package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// environment is a process of a function and its Runtime API. The local stack's functions cannot be timed, and their
// memory cannot be read.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type environment struct {
	cmd    *exec.Cmd
	server *http.Server
	output bytes.Buffer
	next   chan struct{} // one signal for each call of invocation/next
	events chan []byte
	answer chan answer
	init   time.Duration // from exec to the first call of invocation/next
}

type answer struct {
	body   []byte
	failed bool
}

// startFunction starts a function with this volume and this AWS endpoint, and waits until it asks for its first event.
func (b *benchmark) startFunction(ctx context.Context, name, volume, endpoint string) (*environment, error) {
	f, err := b.function(name)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a Runtime API: %w", err)
	}
	e := &environment{next: make(chan struct{}, 1), events: make(chan []byte), answer: make(chan answer, 1)}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(listener) }() // until stop closes it
	temp, err := os.MkdirTemp(b.work, "tmp-")
	if err != nil {
		return nil, fmt.Errorf("create temporary folder: %w", err)
	}
	e.cmd = exec.CommandContext(ctx, filepath.Join(b.root, "build", name, "bootstrap"))
	e.cmd.Env = variables(f, volume, endpoint, temp, listener.Addr().String())
	e.cmd.Stdout, e.cmd.Stderr = &e.output, &e.output
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that stop ends its children too
	e.cmd.Cancel = func() error { return syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL) }
	start := time.Now()
	if err := e.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start function %s: %w", name, err), e.server.Close())
	}
	select {
	case <-e.next:
		e.init = time.Since(start)
		return e, nil
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
	}
	e.stop()
	return nil, fmt.Errorf("start function %s: it does not ask for an event: %s", name, e.output.Bytes())
}

func (b *benchmark) function(name string) (template.Function, error) {
	for _, f := range b.app.Functions {
		if f.Short == name {
			return f, nil
		}
	}
	return template.Function{}, fmt.Errorf("the template has no function %s", name)
}

// variables returns the environment variables that Lambda gives a function and that ours read.
func variables(f template.Function, volume, endpoint, temp, api string) []string {
	role := f.RoleARN[strings.LastIndexByte(f.RoleARN, '/')+1:]
	var vars []string
	for name, value := range f.Environment {
		for _, m := range f.Mounts {
			if rest, ok := strings.CutPrefix(value, m.Path); ok {
				value = filepath.Join(volume, m.Root) + rest
			}
		}
		vars = append(vars, name+"="+value)
	}
	return append(vars, // after the template's, which has no endpoint
		"PATH="+os.Getenv("PATH"), "TMPDIR="+temp, "AWS_XRAY_SDK_DISABLED=TRUE",
		"AWS_LAMBDA_RUNTIME_API="+api, "AWS_LAMBDA_FUNCTION_NAME="+f.Name, "_HANDLER=bootstrap",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMB),
		"AWS_REGION="+template.Region, "AWS_ACCESS_KEY_ID="+role, "AWS_SECRET_ACCESS_KEY=test",
		"AWS_ENDPOINT_URL="+endpoint, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	)
}

func (e *environment) api() http.Handler {
	const root = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case e.next <- struct{}{}:
		default: // only the first call is waited for
		}
		select {
		case event := <-e.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "bench")
			deadline := time.Now().Add(10 * time.Minute).UnixMilli()
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline, 10))
			_, _ = w.Write(event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+root+"invocation/bench/{kind}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		e.answer <- answer{body: body, failed: r.PathValue("kind") == "error"}
	})
	return mux
}

// invoke sends an event and returns the function's answer.
func (e *environment) invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case e.events <- event:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-e.answer:
		if a.failed {
			return nil, fmt.Errorf("invoke the function: it failed: %s", a.body)
		}
		return a.body, nil
	case <-time.After(10 * time.Minute):
		return nil, fmt.Errorf("invoke the function: no answer: %s", e.output.Bytes())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stop ends the function and its children.
func (e *environment) stop() {
	_ = e.cmd.Cancel() // fails if the function has ended
	_ = e.cmd.Wait()   // "signal: killed"
	_ = e.server.Close()
}
