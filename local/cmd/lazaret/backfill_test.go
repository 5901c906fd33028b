package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// holding starts a machine with the existing bucket held, whose events are off.
func holding(t *testing.T, parameters string) (m *harness.Machine, into func(*s3.PutObjectInput)) {
	t.Helper()
	m = harness.Start(t, "--time-scale", "10", "--parameter-overrides", "ExistingBuckets=held "+parameters)
	return m, m.SilentBucket(t, "held")
}

// TestBackfill scans a bucket of 300 objects, of which some are infected, and proves the result.
func TestBackfill(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			m, held := holding(t, "MaxConcurrentScans=4 Workflow="+workflow)
			var clean, infected []job.Object
			for i := range 300 {
				key := fmt.Sprintf("in/%03d a+b%%20.txt", i)
				if i%30 == 7 {
					infected = append(infected, m.Put(t, key, eicar.Bytes(), held))
				} else {
					clean = append(clean, m.Put(t, key, sample.Text(key), held))
				}
			}
			m.Put(t, "elsewhere", sample.Text("another prefix"), held)
			expect(t, m, 0, []string{
				"300 objects below s3://held/in/", "to look at their tags:", "a dry run: nothing was sent",
				"300 objects looked at, 300 without a verdict",
			}, "backfill", "s3://held/in/", "--dry-run")
			if n := m.Depth(t, harness.RescanQueue); n != 0 {
				t.Errorf("after a dry run %d messages are in the queue of rescans, want none", n)
			}
			expect(t, m, 1, []string{"never started: 301", "lazaret backfill s3://held/ --versions", "301 versions"},
				"reconcile", "s3://held", "--older-than", "0s")
			expect(t, m, 0, []string{
				"300 objects below s3://held/in/", "to scan them:", "$", "300 objects sent to lazaret-rescans",
			}, "backfill", "s3://held/in/", "--yes")
			for _, o := range clean {
				if got := m.Tags(t, o)["scan-status"]; got != "CLEAN" {
					t.Errorf("%s: got scan-status %q, want CLEAN", o, got)
				}
			}
			for _, o := range infected {
				if n := len(m.Versions(t, "held", o.Key)); n != 0 {
					t.Errorf("%s: got %d versions, want it moved", o, n)
				}
				if n := len(m.Versions(t, harness.Quarantine, o.QuarantineKey())); n != 1 {
					t.Errorf("%s: got %d copies in quarantine, want one", o, n)
				}
			}
			expect(t, m, 0, []string{"290 versions older than 0s in s3://held/in/ looked at", "each has a verdict"},
				"reconcile", "s3://held/in/", "--older-than", "0s")
			// The second run finds nothing to do there, and what was left out before elsewhere.
			expect(t, m, 0, []string{"290 objects looked at, 0 without a verdict"}, "backfill", "s3://held/in/", "--yes")
			expect(t, m, 0, []string{"1 object sent"}, "backfill", "s3://held", "-y")
			m.AwaitIdle(t)
		})
	}
}

// TestReconcile names versions without a verdict with the reason, and proves that there are none left after a backfill.
func TestReconcile(t *testing.T) {
	t.Parallel()
	m, held := holding(t, "MaxConcurrentScans=4")
	first := m.Put(t, "a", sample.Text("first"), held)
	second := m.Put(t, "a", sample.Text("second"), held)
	limited := tagLimited(t, m, "limited")
	// A CLEAN object whose rescan fails.
	clean := m.Put(t, "clean", sample.Text("clean"))
	if r := m.Await(t, clean); r.Job.Scan == nil || r.Job.Scan.Verdict != job.Clean {
		t.Fatalf("%s: got %+v, want CLEAN", clean, r)
	}
	m.Send(t, harness.DeadLetterQueue, map[string]any{
		"job":   job.Job{Version: job.Version, Object: clean, Run: "again"},
		"error": "DefinitionsNotReady", "cause": "too old", "execution": harness.ExecutionNamed("again"),
	})
	if state := stateOf(t, m, first); state != sweeps.NeverStarted {
		t.Errorf("%s: got the state %q, want %q", first, state, sweeps.NeverStarted)
	}
	expect(t, m, 1, []string{
		"never started: 2", "rescan failed: 1", "CLEAN since 20", "DefinitionsNotReady: too old", "dead letter: 1", "TagLimit",
		limited.Key, first.String(), second.String(),
	}, "reconcile", "--older-than", "0s")
	expect(t, m, 0, []string{"0 versions older than 24h0m0s", "nothing is proved"}, "reconcile", "s3://held",
		"--older-than", "24h")
	expect(t, m, 0, []string{"2 versions sent to lazaret-rescans", "lazaret reconcile s3://held/"},
		"backfill", "s3://held", "--versions", "--yes")
	expect(t, m, 0, []string{"each has a verdict"}, "reconcile", "s3://held", "--older-than", "0s")
	out, err := m.S3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
		Bucket: aws.String(harness.Records), Prefix: aws.String("sweeps/"),
	})
	if err != nil || len(out.Contents) == 0 {
		t.Errorf("got %d objects below sweeps/, %v, want the records of the sweeps", len(out.Contents), err)
	}
}

// stateOf reads the output of reconcile as JSON, and returns the state of a version in it.
func stateOf(t *testing.T, m *harness.Machine, o job.Object) sweeps.State {
	t.Helper()
	cmd, stdout, _ := operator(t, m, "reconcile", "s3://held", "--older-than", "0s", "--output", "json")
	_ = cmd.Run() // exit code 1
	var r reconciled
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("read %s: %v", stdout, err)
	}
	var found []sweeps.State
	for _, v := range r.Versions {
		if v.Object == o.Address() {
			found = append(found, v.State)
		}
	}
	if len(found) != 1 || r.Summary.OldestUnjudged.IsZero() || r.Summary.Purpose != sweep.Reconcile {
		t.Fatalf("%s: got the states %q, summary %+v, want one, and the oldest version", o, found, r.Summary)
	}
	return found[0]
}

// TestStaleAndAll scans again what was judged.
func TestStaleAndAll(t *testing.T) {
	t.Parallel()
	m, held := holding(t, "MaxConcurrentScans=4")
	for i := range 3 {
		m.Put(t, fmt.Sprint("k", i), sample.Text(fmt.Sprint(i)), held)
	}
	expect(t, m, 0, []string{"3 objects sent"}, "backfill", "s3://held", "--yes")
	expect(t, m, 0, []string{"3 judged under definitions older than 999999"}, "backfill", "s3://held", "--yes",
		"--question", "stale", "--definitions", "999999", "--dry-run")
	expect(t, m, 0, []string{"3 objects sent"}, "backfill", "s3://held", "--yes", "--question", "all")
}

// TestBackfillRefuses holds what the command does not start.
func TestBackfillRefuses(t *testing.T) {
	t.Parallel()
	m, _ := holding(t, "")
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"backfill", "s3://other", "--yes"}, exitCannotStart, "NoSuchBucket"},
		{[]string{"backfill", "s3://held"}, exitCannotStart, "--yes"},
		{[]string{"backfill", "held", "--yes"}, exitCannotStart, "want s3://bucket"},
		{[]string{"backfill", "s3://held", "--yes", "--definitions", "5"}, exitCannotStart, "--question stale"},
		{[]string{"reconcile", "s3://other"}, exitFailed, "is not one of those that the stack scans"},
		{[]string{"reconcile", "--older-than", "-5m"}, exitCannotStart, "want 0 or more"},
	} {
		printed, code := operate(t, m, test.args...)
		if code != test.code || !strings.Contains(printed, test.says) {
			t.Errorf("lazaret %q: exit code %d, printed %q, want %d and %q", test.args, code, printed, test.code, test.says)
		}
	}
	if diff := cmp.Diff(0, m.Depth(t, harness.RescanQueue)); diff != "" {
		t.Errorf("queue of rescans (-want +got):\n%s", diff)
	}
}
