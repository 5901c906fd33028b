package endtoend

import (
	"bytes"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestCounts holds what the plan of cost and time knows of one object to what happens: the requests of each function by
// operation, and the lines and bytes of its logs. In the log of EXPRESS executions each state has its lines.
func TestCounts(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("A line of text that is neither short nor long.\n"), 20<<20/47)
	for _, tt := range []struct {
		name     string
		workflow plan.Workflow
		layout   string
		content  []byte
		end      plan.End
	}{
		{"a clean object", plan.Express, "two-bucket", sample.Text("one"), plan.Kept},
		{"a clean object of three parts", plan.Express, "two-bucket", large, plan.Kept},
		{"an infected object", plan.Express, "two-bucket", eicar.Bytes(), plan.Infected},
		{"an object that cannot be scanned", plan.Express, "two-bucket", encryptedZip(t), plan.Unscannable},
		{"a promoted object", plan.Express, "three-bucket", sample.Text("one"), plan.Promoted},
		{"a clean object", plan.Standard, "two-bucket", sample.Text("one"), plan.Kept},
		{"an infected object", plan.Standard, "three-bucket", eicar.Bytes(), plan.Infected},
		{"a promoted object", plan.Standard, "three-bucket", sample.Text("one"), plan.Promoted},
	} {
		t.Run(strings.Join([]string{string(tt.workflow), tt.layout, tt.name}, ", "), func(t *testing.T) {
			t.Parallel()
			p := startWithProxy(t, "--parameter-overrides", "Workflow="+string(tt.workflow), "BucketLayout="+tt.layout)
			options := plan.Defaults()
			options.Workflow = tt.workflow
			planner, err := plan.New(options)
			if err != nil {
				t.Fatal(err)
			}
			c := counted{proxy: p, scan: planner.Scan(int64(len(tt.content)), tt.end)}
			p.Put(t, "invoices/2026/11/the first one.pdf", tt.content) // every function starts, and the first permits come
			c.awaitPermits(t)
			c.begin()
			p.Put(t, "invoices/2026/11/invoice-0000001.pdf", tt.content)
			c.compareRequests(t)
			c.compareLogs(t)
		})
	}
}

// counted counts what happens to one object.
type counted struct {
	*proxy
	scan   plan.Scan
	faults map[string]*proxyFault // of each function, which only count
	logs   map[string]int         // sizes of the logs before
}

// awaitPermits waits until all permits are free.
func (c *counted) awaitPermits(t *testing.T) {
	t.Helper()
	c.AwaitIdle(t)
	harness.Poll(t, "all permits to be free", func() bool {
		return c.Depth(t, "lazaret-permits") == plan.Defaults().MaxConcurrentScans && c.Depth(t, harness.UploadQueue) == 0
	})
}

func (c *counted) begin() {
	c.faults, c.logs = map[string]*proxyFault{}, map[string]int{}
	forward := func(_ int, _ proxiedCall, w http.ResponseWriter, next http.Handler, r *http.Request) {
		next.ServeHTTP(w, r)
	}
	for _, call := range c.scan.Calls {
		c.faults[call.Function] = c.addFault(call.Function, "", forward)
		c.logs[call.Function] = len(c.log(call.Function))
	}
	c.logs[express] = len(c.log(express))
}

// express is the name of the log of EXPRESS executions.
const express = "states/scan-express"

// log returns a log without its first lines.
func (c *counted) log(name string) string {
	text, _ := os.ReadFile(filepath.Join(c.Data, "logs", name+".log")) // a function that never ran has none
	return string(text)[c.logs[name]:]
}

// requests returns the requests so far. Counting the permits, which happens each minute, is left out.
func (c *counted) requests() map[string]int {
	requests := map[string]int{}
	for function, fault := range c.faults {
		for _, operation := range fault.seen() {
			if operation != "GetQueueAttributes" && operation != "ListExecutions" {
				requests[function+" "+operation]++
			}
		}
	}
	return requests
}

func (c *counted) compareRequests(t *testing.T) {
	t.Helper()
	want := map[string]int{}
	for _, call := range c.scan.Calls {
		for _, r := range call.Requests {
			_, operation, _ := strings.Cut(" "+r.Operation, " ")
			if _, other, ok := strings.Cut(r.Operation, " "); ok {
				operation = other // of another service than S3
			}
			want[call.Function+" "+operation] = r.Number
		}
	}
	deadline := time.Now().Add(harness.WaitLimit)
	for !cmp.Equal(want, c.requests()) && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	c.awaitPermits(t) // no further request comes
	if diff := cmp.Diff(want, c.requests()); diff != "" {
		t.Errorf("requests of functions (-plan +counted):\n%s", diff)
	}
}

// compareLogs compares the numbers of lines, and their bytes to within 15 %: names and times vary in length, and AWS
// has more headers in the answers of functions, which EXPRESS executions log.
func (c *counted) compareLogs(t *testing.T) {
	t.Helper()
	compare := func(name string, lines int, bytes float64) {
		t.Helper()
		var text string
		for end := time.Now().Add(harness.WaitLimit / 6); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if text = c.log(name); strings.Count(text, "\n") >= lines {
				break
			}
		}
		got := float64(len(text) - strings.Count(text, "\n"))
		if n := strings.Count(text, "\n"); n != lines || math.Abs(got-bytes) > 0.15*bytes {
			t.Errorf("%s logs %d lines of %g bytes, the plan says %d of %g:\n%s", name, n, got, lines, bytes, text)
		}
	}
	for _, call := range c.scan.Calls {
		sum := 0
		for _, n := range call.Lines {
			sum += n
		}
		compare(call.Function, len(call.Lines), float64(sum))
	}
	if c.scan.ExecutionLog > 0 {
		compare(express, c.scan.Events, c.scan.ExecutionLog)
	}
}
