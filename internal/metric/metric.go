// Package metric writes CloudWatch metrics as log lines in the embedded metric format, so that no
// function calls the CloudWatch API:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metric

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// Namespace holds the metrics of all stacks; the dimension Stack distinguishes them.
const Namespace = "Lazaret"

// Unit is a CloudWatch unit.
type Unit string

// The units that Lazaret uses.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	Bytes        Unit = "Bytes"
)

// Value is one metric with its value.
type Value struct {
	Name  string
	Unit  Unit
	Value float64
}

// Emitter writes metrics as lines. Use New; the zero value is not usable.
type Emitter struct {
	mu    sync.Mutex
	w     io.Writer
	stack string
	now   func() time.Time
}

// New returns an emitter that writes to w for the stack of that name.
func New(w io.Writer, stack string) *Emitter {
	return &Emitter{w: w, stack: stack, now: time.Now}
}

// Default writes to standard output, which Lambda sends to CloudWatch Logs, for the stack that
// STACK_NAME names.
var Default = New(os.Stdout, os.Getenv("STACK_NAME"))

// Emit writes the values as one line. The dimensions are added to Stack; each must have few values,
// because CloudWatch bills each combination as a metric. A value whose name, unit or dimension is not
// in All is an error, since no alarm could find it.
func (e *Emitter) Emit(dimensions map[string]string, values ...Value) error {
	for _, v := range values {
		if err := v.check(dimensions); err != nil {
			return err
		}
	}
	names := []string{"Stack"}
	line := map[string]any{"Stack": e.stack}
	for name, value := range dimensions {
		names = append(names, name)
		line[name] = value
	}
	type definition struct {
		Name string `json:"Name"`
		Unit Unit   `json:"Unit"`
	}
	var metrics []definition
	for _, v := range values {
		metrics = append(metrics, definition{v.Name, v.Unit})
		line[v.Name] = v.Value
	}
	line["_aws"] = map[string]any{
		"Timestamp": e.now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": [][]string{names}, "Metrics": metrics,
		}},
	}
	data, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// check compares a value and its dimensions with the entry of its name in All.
func (v Value) check(dimensions map[string]string) error {
	m, known := Find(v.Name)
	if !known {
		return fmt.Errorf("emit %s: no such metric", v.Name)
	}
	if v.Unit != m.Unit {
		return fmt.Errorf("emit %s: its unit is %s, not %s", v.Name, m.Unit, v.Unit)
	}
	var want []string
	if m.Dimension != "" {
		want = []string{m.Dimension}
	}
	if got := slices.Sorted(maps.Keys(dimensions)); !slices.Equal(got, want) {
		return fmt.Errorf("emit %s: its dimensions beside Stack are %q, not %q", v.Name, want, got)
	}
	return nil
}
