package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file writes a file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlan(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := call(t, "plan", "--objects-per-day", "1M", "--size", "10KB", "--burst", "20k", "--explain")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, standard error %q, want 0 and none", code, stderr)
	}
	for _, says := range []string{
		"Nothing was measured on AWS", "Objects of 10 KB on average, 0% of them infected",
		"1,000,000 objects a day, evenly: dollars a month", "20,000 objects at once",
		"STANDARD: 150,000,000 state transitions x $0.025 per 1,000", "EXPRESS: 30,000,000 express executions",
		"      30,000,000 invocations x $0.20 per 1,000,000 + ", // the same for both
		"GuardDuty for the same objects", "$6,477", "idle: keys (KMS)", "log of express executions",
		"11.57 objects a second are", "EXPRESS: the largest line is log of express executions",
		"STANDARD: the largest line is state machine", "saturated first: permits",
		"to be faster raise: parameter MaxConcurrentScans",
	} {
		if !strings.Contains(stdout, says) {
			t.Errorf("the plan does not say %q:\n%s", says, stdout)
		}
	}
}

// planned runs the command with JSON output for the express workflow.
func planned(t *testing.T, args ...string) planJSON {
	t.Helper()
	stdout, stderr, code := call(t, append([]string{"plan", "--workflow", "express", "--output", "json"}, args...)...)
	if code != exitDone {
		t.Fatalf("plan %q: exit code %d: %s", args, code, stderr)
	}
	var got planJSON
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Reports) != 1 || got.Reports[0].Workflow != "EXPRESS" {
		t.Fatalf("plan %q: got workflows %+v, want EXPRESS alone", args, got.Reports)
	}
	return got
}

// TestPlanInput holds what is planned to what was given.
func TestPlanInput(t *testing.T) {
	t.Parallel()
	lines := `2026-11-01 10:00:00       1000 a.txt
2026-11-03 10:00:00       3000 b with spaces.txt
`
	listing := file(t, "listing.txt", lines)
	objects := file(t, "objects.json", `{"Contents": [{"Key": "a", "Size": 10, "LastModified": "2026-11-01T10:00:00Z"}]}`)
	inventory := file(t, "inventory.csv", `"held","a.txt","1000"`+"\n"+`"held","b.txt","500"`+"\n")
	for _, tt := range []struct {
		args          []string
		perDay, burst float64
		bytes         float64 // of the burst
	}{
		{args: []string{"--objects-per-day", "2.5k"}, perDay: 2500},
		{args: []string{"--burst", "1,000", "--size", "2 KB"}, burst: 1000, bytes: 2e6},
		// two in the last thirty days
		{args: []string{"--listing", listing}, perDay: 2.0 / 30, burst: 2, bytes: 4000},
		{args: []string{"--listing", listing, "--objects-per-day", "7", "--burst", "4"}, perDay: 7, burst: 4, bytes: 8000},
		{args: []string{"--listing", objects}, perDay: 1.0 / 30, burst: 1, bytes: 10},
		{args: []string{"--inventory", inventory}, burst: 2, bytes: 1500},
	} {
		got := planned(t, tt.args...)
		if got.PerDay != tt.perDay || got.Burst != tt.burst {
			t.Errorf("%q: %g a day and %g at once, want %g and %g", tt.args, got.PerDay, got.Burst, tt.perDay, tt.burst)
		}
		if r := got.Reports[0]; (r.Month != nil) != (tt.perDay > 0) || (r.Burst != nil) != (tt.burst > 0) {
			t.Errorf("%q: a month %t and a burst %t, want what was given", tt.args, r.Month != nil, r.Burst != nil)
		} else if r.Burst != nil && r.Burst.Bytes != tt.bytes {
			t.Errorf("%q: %g bytes at once, want %g", tt.args, r.Burst.Bytes, tt.bytes)
		}
	}
}

// TestPlanBucket lists a bucket with the caller's credentials.
func TestPlanBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "local")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	t.Setenv("AWS_REGION", "us-east-1")
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/held" || r.URL.Query().Get("prefix") != "invoices/" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated>`+
			`<Contents><Key>invoices/1</Key><Size>700</Size><LastModified>2026-11-01T10:00:00Z</LastModified></Contents>`+
			`</ListBucketResult>`)
	}))
	defer s3.Close()
	if got := planned(t, "s3://held/invoices/", "--endpoint-url", s3.URL); got.Reports[0].Burst.Bytes != 700 {
		t.Errorf("got %g bytes, want 700", got.Reports[0].Burst.Bytes)
	}
	_, stderr, code := call(t, "plan", "s3://other", "--endpoint-url", s3.URL)
	if code != exitCannotStart || !strings.Contains(stderr, "list s3://other") {
		t.Errorf("exit code %d, %q, want %d and the bucket that cannot be listed", code, stderr, exitCannotStart)
	}
}

func TestPlanWrongUsage(t *testing.T) {
	t.Parallel()
	listing := file(t, "listing.txt", "2026-11-01 10:00:00 1000 a.txt\n")
	for _, tt := range []struct {
		args []string
		says string
	}{
		{nil, "say how many objects"},
		{[]string{"--listing", listing, "--inventory", "x"}, "give one of"},
		{[]string{"--listing", listing, "s3://held"}, "give one of"},
		{[]string{"--listing", listing, "--size", "1MB"}, "--size is for numbers"},
		{[]string{"--listing", "/no/such/file"}, "no such file"},
		{[]string{"--listing", file(t, "empty", "")}, "read the listing"},
		{[]string{"--inventory", listing}, "inventory"},
		{[]string{"held/prefix"}, "want s3://bucket"},
		{[]string{"s3:///prefix"}, "want s3://bucket"},
		{[]string{"--burst", "many"}, "want a number of objects"},
		{[]string{"--burst", "-1"}, "want a number of objects"},
		{[]string{"--burst", "NaN"}, "want a number of objects"},
		{[]string{"--burst", "1e300"}, "want a number of objects"},
		{[]string{"--burst", "1", "--size", "big"}, "--size"},
		{[]string{"--burst", "1", "--workflow", "FAST"}, "want STANDARD or EXPRESS"},
		{[]string{"--burst", "1", "--layout", "one"}, "want two-bucket or three-bucket"},
		{[]string{"--burst", "1", "--infected-share", "2"}, "want a share"},
		{[]string{"--burst", "1", "--infected-share", "101%"}, "want a share"},
		{[]string{"--burst", "1", "--max-concurrent-scans", "1001"}, "MaxConcurrentScans 1001"},
		{[]string{"--burst", "1", "--scan-memory", "1"}, "ScanMemory 1"},
		{[]string{"--burst", "1", "--account-concurrency", "-1"}, "a quota of -1"},
		{[]string{"--burst", "1", "--output", "yaml"}, "--output"},
		{[]string{"--write", "x", "--burst", "1"}, "--write takes no other flag"},
		{[]string{"--write", "/no/such/folder/cost.md"}, "write the document"},
	} {
		stdout, stderr, code := call(t, append([]string{"plan"}, tt.args...)...)
		if code != exitCannotStart || stdout != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("plan %q: exit code %d, output %q, error %q; want %d, none, and %q",
				tt.args, code, stdout, stderr, exitCannotStart, tt.says)
		}
	}
}

// TestPlanTooMuch says what has to be raised when more comes than is possible.
func TestPlanTooMuch(t *testing.T) {
	t.Parallel()
	stdout, _, code := call(t, "plan", "--objects-per-day", "1G", "--size", "1GB")
	if code != exitDone {
		t.Fatalf("exit code %d, want 0", code)
	}
	for _, says := range []string{
		"times what is possible, and the queue grows for ever; raise MaxConcurrentScans to 1000", "quota StartExecution",
		"is the most: use several stacks",
	} {
		if !strings.Contains(stdout, says) {
			t.Errorf("the plan does not say %q:\n%s", says, stdout)
		}
	}
}
