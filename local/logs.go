package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/lazaret/lazaret/local/lambda"
)

// logs writes what functions log to a file for each function, line by line as
// they wrote it, so that JSON stays JSON; characters that speak to a terminal, which
// uploaders put into keys, are escaped as JSON does it. They are kept off the terminal: there,
// seven functions would bury the few lines that the stack has to say.
type logs struct {
	dir, prefix string    // prefix is the stack's, which file names leave out
	also        io.Writer // may be nil

	mu    sync.Mutex
	files map[string]*os.File
	lost  bool // a line could not be written, and that was said
}

func (l *logs) write(function, _, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, line := strings.TrimPrefix(function, l.prefix), escaped(line)
	file, err := l.file(name)
	if err == nil {
		_, err = fmt.Fprintln(file, line)
	}
	if err != nil && !l.lost {
		l.lost = true // a full disk says so for each line
		slog.Warn("lose lines that functions log", "cause", err.Error())
	}
	if l.also != nil {
		_, _ = fmt.Fprintf(l.also, "%s: %s\n", name, line) // a terminal that is gone
	}
}

// escaped is a line in which everything is printable.
func escaped(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case unicode.IsPrint(r) || r == '\t':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// report writes the line by which Lambda itself tells, in a log of JSON, of an
// invocation that did not come to its end: a crash or a timeout.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
func (l *logs) report(function string, result lambda.Result) {
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
		return // the function's own answer
	}
	line, _ := json.Marshal(map[string]any{ // strings always marshal
		"time": time.Now().UTC(), "type": "platform.report", "record": map[string]string{"status": status, "errorType": e.Type},
	})
	l.write(function, "", string(line))
}

// file returns a function's file. The caller holds the lock.
func (l *logs) file(name string) (*os.File, error) {
	if f := l.files[name]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(filepath.Join(l.dir, name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l.files[name] = f
	return f, nil
}

func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
