package verify

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// example is a report with each outcome, and what somebody else wrote.
var example = Report{
	Stack:   "ward",
	Account: "123456789012",
	Region:  "eu-central-1",
	Caller:  "arn:aws:iam::123456789012:user/deployer",
	Run:     "abcdefghij",
	Started: time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC),
	Seconds: 41.5,
	Wrong:   true,
	Lines: []Line{
		{
			"clean",
			"a clean object gets CLEAN and can be read",
			Pass,
			"CLEAN after 1.2s; tagged, and read back from ward-uploads-123456789012-eu-central-1",
		},
		{
			"gate-unjudged",
			"an object without a verdict cannot be read",
			Fail,
			"it had no verdict when it was tried, and it can be read: the read gate is open \x1b[2J",
		},
		{
			"trace",
			"a sampled execution's trace has no gap from dispatch to its end",
			NotChecked,
			"you may not read trace 1-2-3 (xray:BatchGetTraces)",
		},
		{"function-promote", "promote works", Off, "BucketLayout=two-bucket has no function promote"},
	},
	Left: []string{
		"the executions of ward whose names begin with lazaret-verify-, their log lines, metrics and announcements",
	},
}

func TestPrint(t *testing.T) {
	t.Parallel()
	good := example
	good.Wrong, good.Lines = false, []Line{example.Lines[0], example.Lines[3]}
	partly := example
	partly.Wrong, partly.Lines = false, []Line{example.Lines[0], example.Lines[2]}
	stopped := partly
	stopped.Stopped = true
	for name, report := range map[string]Report{"wrong": example, "good": good, "partly": partly, "stopped": stopped} {
		var table strings.Builder
		for _, l := range report.Lines {
			printLine(&table, l)
		}
		if err := printEnd(&table, report); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".golden.txt", table.String())
	}
	var asJSON strings.Builder
	if err := printJSON(&asJSON, example); err != nil {
		t.Fatal(err)
	}
	golden(t, "wrong.golden.json", asJSON.String())

	var intro strings.Builder
	r := &run{
		Options: Options{Within: 150 * time.Second},
		id:      example.Run,
		prefix:  "in/.lazaret/abcdefghij/",
		stack: stackInfo{
			Name:    example.Stack,
			Account: example.Account,
			Region:  example.Region,
			Caller:  example.Caller,
			Outputs: map[string]string{
				"UploadsBucketName": "ward-uploads-123456789012-eu-central-1",
				"UploadQueueUrl":    "https://sqs/1/ward-uploads",
			},
		},
	}
	if err := r.introduce(&intro); err != nil {
		t.Fatal(err)
	}
	golden(t, "introduction.golden.txt", intro.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); strings.HasSuffix(name, ".txt") && n > width &&
			strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%s has a line of %d characters: %s", name, n, line)
		}
	}
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Who cannot be told has not been told that all is well.
func TestPrintFails(t *testing.T) {
	t.Parallel()
	if err := printEnd(brokenPipe{}, example); err == nil {
		t.Error("printEnd() = nil, want an error")
	}
	if err := printJSON(brokenPipe{}, example); err == nil {
		t.Error("printJSON() = nil, want an error")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
