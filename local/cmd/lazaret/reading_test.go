package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestStatus reads a stack in which all is well, and then the same stack while its dispatch does not run.
func TestStatus(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--template", broken(t))
	expect(t, m, 0, []string{"ok         uploads       none waits", "of 20 free", "no lazaret reconcile has ended yet"},
		"status")
	m.Put(t, "waits.txt", sample.Text("waits"))
	m.Send(t, harness.DeadLetterQueue, "garbage")
	var printed string
	harness.Poll(t, "the answer that nothing starts uploads", func() bool {
		var code int
		printed, code = operate(t, m, "status")
		return code == 1 && strings.Contains(printed, "WRONG      uploads")
	})
	for _, want := range []string{
		", and dispatch fails", "lazaret-dispatch logged at ",
		"1: NotUnderstood 1; the first expires in 13 days 23 h",
		"Next: find out why uploads do not start: docs/operations.md#alarm-uploads-waiting",
		"lazaret: something is wrong with the stack lazaret",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("status does not say %q:\n%s", want, printed)
		}
	}
	cmd, stdout, _ := operator(t, m, "status", "--output", "json")
	_ = cmd.Run() // its exit code is 1
	var report struct {
		Wrong       bool
		Uploads     struct{ Waiting, Received, OldestSeconds int }
		DeadLetters struct{ Errors []struct{ Error string } }
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Wrong || report.Uploads.Waiting+report.Uploads.Received != 1 || report.Uploads.OldestSeconds < 10 ||
		len(report.DeadLetters.Errors) != 1 {
		t.Errorf("got %s, want a waiting upload and a dead letter", stdout)
	}
}

// TestStatusWatches shows the page again and again, one line of JSON each, until it is stopped.
func TestStatusWatches(t *testing.T) {
	t.Parallel()
	m := harness.Start(t)
	cmd, stdout, stderr := operator(t, m, "status", "--watch", "--interval", "1s", "--output", "json")
	pages := new(harness.Output)
	cmd.Stdout = pages
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Poll(t, "three pages", func() bool { return strings.Count(pages.String(), "\n") >= 3 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code is looked at
	for line := range strings.Lines(pages.String()) {
		var report struct{ Next string }
		if err := json.Unmarshal([]byte(line), &report); err != nil || report.Next == "" {
			t.Errorf("got the line %q (%v), want a report", line, err)
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != exitStopped || !strings.Contains(stderr.String(), "stopped") {
		t.Errorf("exit code %d, %s%s, want %d", code, stdout, stderr, exitStopped)
	}
	expect(t, m, exitCannotStart, []string{"want a second or more"}, "status", "--watch", "--interval", "1ms")
}

// TestDeadLetters lists, shows and discards letters. What was discarded can be sent again as it was printed.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--time-scale", "10")
	o := tagLimited(t, m, "reports/discarded.txt")
	m.Send(t, harness.DeadLetterQueue, "garbage")
	m.Send(t, harness.DeadLetterQueue, "garbage")
	execution := job.Job{Object: o}.ExecutionName()
	all := []string{"3 dead letters in", "NotUnderstood: 2", "TagLimit: 1", "the first expires ", "lazaret redrive"}
	expect(t, m, 0, all, "dead-letters")
	expect(t, m, 0, []string{"1 dead letter in lazaret-dead-letters chosen, 2 others"},
		"dead-letters", "list", "--match", "reports/")
	expect(t, m, 0, []string{`"error": "TagLimit"`, `"expires": "20`},
		"dead-letters", "list", "--error", "TagLimit", "--output", "json")
	expect(t, m, 0, []string{`"versionId": "` + o.VersionID + `"`, `"attempt": 1`, `"sent": "`},
		"dead-letters", "show", execution)
	expect(t, m, exitFailed, []string{`has the message id or the execution "none"`}, "dead-letters", "show", "none")
	for _, wrong := range [][]string{{"--reason", "x"}, {"--match", "a"}, {"--match", "a", "--reason", " "}} {
		expect(t, m, exitCannotStart, []string{"want --"}, append([]string{"dead-letters", "discard"}, wrong...)...)
	}
	// Nobody answers.
	expect(t, m, exitFailed, []string{"would be removed for good", "not confirmed", "nothing was removed"},
		"dead-letters", "discard", "--error", "TagLimit", "--reason", "a test")
	if n := m.Depth(t, harness.DeadLetterQueue); n != 3 {
		t.Fatalf("%d dead letters are left, want 3", n)
	}
	cmd, stdout, stderr := operator(t, m, "dead-letters", "discard", "--match", execution, "--reason", "a test")
	cmd.Stdin = strings.NewReader("y\n")
	if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), "1 dead letter removed") {
		t.Fatalf("discard ended with %v and printed\n%s%s", err, stdout, stderr)
	}
	var removed struct{ Body, Discarded string }
	if err := json.Unmarshal(stdout.Bytes(), &removed); err != nil || removed.Discarded != "a test" {
		t.Fatalf("discard printed %s (%v), want one letter with the reason", stdout, err)
	}
	expect(t, m, 0, []string{`"removed": 2`, "2 dead letters removed"},
		"dead-letters", "discard", "--error", "NotUnderstood", "--reason", "a test", "--yes", "--output", "json")
	expect(t, m, exitFailed, []string{"none was removed"},
		"dead-letters", "discard", "--error", "TagLimit", "--reason", "x", "--yes")
	if left := m.Bodies(t, harness.DeadLetterQueue); len(left) > 0 {
		t.Errorf("left among the dead letters: %q, want none", left)
	}
	m.Send(t, harness.RescanQueue, json.RawMessage(removed.Body))
	clean(t, m, o)
}

// TestExplain explains objects of every kind that a running stack has.
func TestExplain(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--time-scale", "10", "--parameter-overrides", "BucketLayout=three-bucket", "KeyPrefix=in/")
	infected := m.Put(t, "in/infected.com", eicar.Bytes())
	locked := m.Put(t, "in/locked.zip", sample.Encrypted())
	promoted := m.Put(t, "in/clean.txt", sample.Text("clean"))
	stuck := tagLimited(t, m, "in/stuck.txt")
	outside := m.Put(t, "out/side.txt", sample.Text("outside"))
	for _, o := range []job.Object{infected, locked, promoted} {
		m.Await(t, o)
	}
	hidden := m.Put(t, "in/hidden.zip", sample.Encrypted())
	m.Await(t, hidden)
	m.Delete(t, job.Object{Bucket: hidden.Bucket, Key: hidden.Key})
	deleted := m.Put(t, "in/deleted.zip", sample.Encrypted())
	m.Await(t, deleted)
	m.Delete(t, deleted)
	m.NewBucket(t, "elsewhere")
	elsewhere := func(in *s3.PutObjectInput) { in.Bucket = aws.String("elsewhere") }
	other := m.Put(t, "in/other.txt", sample.Text("other"), elsewhere)
	m.StopEvents(t)
	lost := m.Put(t, "in/lost.txt", sample.Text("lost"))
	without := func(o job.Object) string { return "s3://" + o.Bucket + "/" + o.Key }
	tests := []struct {
		address string
		want    string // the case
		says    []string
	}{
		{infected.Address(), "quarantined", []string{
			"INFECTED Eicar-Test-Signature", "OnlyTheNamedRoleReads", "clamd 1.", "Quarantine\n",
			"it cannot be released: ", "are a test file",
		}},
		{without(infected), "quarantined", []string{infected.QuarantineKey()}},
		{locked.Address(), "unscannable", []string{
			"NoReadUnlessClean", "its tag scan-status is UNSCANNABLE", "password (encrypted)",
		}},
		{promoted.Address(), "promoted", []string{"it is in  's3://" + harness.Clean, "Lazaret does not refuse to serve it"}},
		{stuck.Address(), "dead letter", []string{
			"TagLimit", "lazaret redrive --match stuck_txt-", "it has no tag scan-status yet",
		}},
		{outside.Address(), "outside prefix", []string{"KeyPrefix (in/)"}},
		{without(hidden), "delete marker", []string{"lazaret explain '" + hidden.Address() + "'"}},
		{deleted.Address(), "deleted", []string{"permanently deleted", "UNSCANNABLE encrypted"}},
		{other.Address(), "not watched", []string{"does not watch this bucket", "The bucket has no policy"}},
		{lost.Address(), "never started", []string{"the queues are empty", "lazaret scan '" + lost.Address() + "'"}},
		{"s3://" + harness.Uploads + "/in/nothing", "not there", []string{"S3 has no object of this key"}},
	}
	for _, tt := range tests {
		expect(t, m, 0, tt.says, "explain", tt.address)
		cmd, stdout, stderr := operator(t, m, "explain", tt.address, "--output", "json")
		if err := cmd.Run(); err != nil {
			t.Fatalf("explain %s: %v, %s", tt.address, err, stderr)
		}
		var page struct {
			Case     string
			NotKnown []string
		}
		if err := json.NewDecoder(bytes.NewReader(stdout.Bytes())).Decode(&page); err != nil {
			t.Fatal(err)
		}
		if page.Case != tt.want || len(page.NotKnown) > 0 {
			t.Errorf("%s: case %q, not known %q, want %q and nothing unknown", tt.address, page.Case, page.NotKnown, tt.want)
		}
	}
	expect(t, m, exitFailed, []string{"cannot list the bucket nothing"}, "explain", "s3://nothing/k")
	expect(t, m, exitCannotStart, []string{"want s3://bucket/key"}, "explain", "nothing")
	m.RemoveWorkFiles(t)
	if !slices.Contains(m.Versions(t, outside.Bucket, outside.Key), outside.VersionID) {
		t.Errorf("%s is gone, want it where it was", outside)
	}
}
