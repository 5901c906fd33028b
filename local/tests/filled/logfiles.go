package filled

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/logs"
)

// logFiles are the logs of the functions and of the EXPRESS machine.
type logFiles struct {
	dir string

	mu    sync.Mutex
	files map[string]*logs.File
	err   error
}

func newLogFiles(dir string) *logFiles { return &logFiles{dir: dir, files: map[string]*logs.File{}} }

func (l *logFiles) file(name string) *logs.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files[name] == nil {
		path := filepath.Join(l.dir, name+".log")
		l.err = errors.Join(l.err, os.MkdirAll(filepath.Dir(path), 0o700))
		l.files[name] = logs.NewFile(path)
	}
	return l.files[name]
}

// append writes events of the EXPRESS machine.
func (l *logFiles) append(_ string, lines ...string) error {
	return l.file("states/scan-express").Append(lines...)
}

func (l *logFiles) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, file := range l.files {
		l.err = errors.Join(l.err, file.Close())
	}
	return l.err
}

// line writes a line as package step of the functions does, which has the members of the job first.
func (l *logFiles) line(at time.Time, level, function string, j job.Job, more map[string]any) {
	type member struct {
		name  string
		value any
	}
	members := []member{
		{"time", at.UTC().Format(time.RFC3339Nano)},
		{"level", level},
		{"msg", function},
		{"function", function},
		{"execution", j.ExecutionName()},
		{"bucket", j.Object.Bucket},
		{"key", j.Object.Key},
		{"versionId", j.Object.VersionID},
		{"attempt", j.Attempt},
	}
	for _, name := range []string{"lane", "status", "duplicate", "ms", "outcome", "error", "cause"} {
		if value, ok := more[name]; ok {
			members = append(members, member{name, value})
		}
	}
	var text strings.Builder
	for i, m := range members {
		value, _ := json.Marshal(m.value) // texts and numbers always marshal
		text.WriteString([]string{"{", ","}[min(i, 1)] + `"` + m.name + `":` + string(value))
	}
	l.write(function, text.String()+"}")
}

func (l *logFiles) write(function, line string) {
	if err := l.file(function).Append(line); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = errors.Join(l.err, err)
	}
}

// dispatched writes dispatch's line: when a STANDARD execution has started, or when an EXPRESS one has ended.
func (l *logFiles) dispatched(at time.Time, j job.Job, status string) {
	if j.Lane == "" {
		l.line(at, "INFO", "dispatch", j, map[string]any{"duplicate": false})
		return
	}
	l.line(at, "INFO", "dispatch", j, map[string]any{"lane": j.Lane, "status": status})
}

func (l *logFiles) failed(at time.Time, function string, j job.Job, o outcome) {
	l.line(at, "ERROR", function, j, map[string]any{"ms": 3, "error": o.failure, "cause": o.cause})
}

// done writes the line of a state's function, and the metrics of scan.
func (l *logFiles) done(at time.Time, function string, j job.Job, took time.Duration) {
	if function == "scan" {
		l.metric(at, map[string]any{"ScanDuration": j.Scan.DurationMS, "BytesScanned": j.Scan.Size}, nil)
		l.metric(at, map[string]any{"Verdicts": 1}, map[string]string{"Verdict": string(j.Scan.Verdict)})
	}
	l.line(at, "INFO", function, j, map[string]any{"ms": took.Milliseconds(), "outcome": j.Scan.Outcome()})
}

// metric writes values as package metric of the functions does.
func (l *logFiles) metric(at time.Time, values map[string]any, dimensions map[string]string) {
	names := []string{"Stack"}
	line := map[string]any{"Stack": stackName}
	for name, value := range dimensions {
		names = append(names, name)
		line[name] = value
	}
	var metrics []any
	for name, value := range values {
		metrics = append(metrics, map[string]string{"Name": name})
		line[name] = value
	}
	line["_aws"] = map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": "Lazaret", "Dimensions": [][]string{names}, "Metrics": metrics,
		}},
	}
	text, _ := json.Marshal(line) // texts and numbers always marshal
	l.write("scan", string(text))
}
