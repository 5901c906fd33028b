package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/logs"
)

// functionLogs writes the lines that functions log to a file for each function.
type functionLogs struct {
	dir, prefix string    // prefix is the stack's in the names of functions; names of files do not have it
	also        io.Writer // may be nil

	mu     sync.Mutex
	files  map[string]*logs.File
	warned bool // that a line could not be written
}

func newFunctionLogs(dir, stack string, also io.Writer) *functionLogs {
	return &functionLogs{dir: dir, prefix: stack + "-", also: also, files: map[string]*logs.File{}}
}

func (l *functionLogs) write(function, _, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := strings.TrimPrefix(function, l.prefix)
	if err := l.file(name).Append(line); err != nil && !l.warned {
		l.warned = true // once, and not for each line while the disk is full
		slog.Warn("lines that functions log are lost", "cause", err.Error())
	}
	if l.also != nil {
		_, _ = fmt.Fprintf(l.also, "%s: %s\n", name, logs.Escaped(line)) // fails when the terminal has gone
	}
}

// report writes the line that Lambda itself logs about an invocation that ended in a crash or a timeout:
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
func (l *functionLogs) report(function string, result lambda.Result) {
	var e struct {
		Type string `json:"errorType"`
	}
	if result.FunctionError == "" || json.Unmarshal(result.Payload, &e) != nil {
		return
	}
	status := "error"
	switch {
	case e.Type == "Sandbox.Timedout":
		status = "timeout"
	case !strings.HasPrefix(e.Type, "Runtime."):
		return // the function itself answered the error
	}
	line, _ := json.Marshal(map[string]any{ // strings always marshal
		"time": time.Now().UTC(), "type": "platform.report",
		"record": map[string]string{"status": status, "errorType": e.Type},
	})
	l.write(function, "", string(line))
}

// file returns the file of a function. The caller holds l.mu.
func (l *functionLogs) file(name string) *logs.File {
	if f := l.files[name]; f != nil {
		return f
	}
	f := logs.NewFile(filepath.Join(l.dir, name+".log"))
	l.files[name] = f
	return f
}

func (l *functionLogs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
