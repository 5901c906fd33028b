package endtoend

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestRescansWait has 200 objects wait in the queue of rescans while others are uploaded. An upload waits for as many
// scans at most as may be in work: for one with one engine. The rescans go on between the uploads.
func TestRescansWait(t *testing.T) {
	t.Parallel()
	for parameters, inWork := range map[string]int{
		"MaxConcurrentScans=1 Workflow=STANDARD": 1,
		"MaxConcurrentScans=1 Workflow=EXPRESS":  1,
		"MaxConcurrentScans=4 Workflow=STANDARD": 4,
	} {
		t.Run(parameters, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--time-scale", "10", "--parameter-overrides", parameters)
			held := m.SilentBucket(t, "held")
			var backfill []job.Object
			for i := range 200 {
				backfill = append(backfill, m.Put(t, fmt.Sprintf("old-%03d", i), sample.Text(fmt.Sprint("old ", i)), held))
			}
			m.Send(t, harness.RescanQueue, map[string]any{"run": "all", "objects": backfill})
			harness.Poll(t, "the first rescans", func() bool { return m.rescanned(t, backfill) > 2 })
			for i := range 8 { // start a dispatch for each upload at once: its own start is no wait for rescans
				m.Put(t, fmt.Sprint("warm ", i), sample.Text(fmt.Sprint("warm ", i)))
			}
			m.awaitUploads(t)
			uploaded := map[job.Object]time.Time{}
			before := m.rescanned(t, backfill)
			for i := range 20 {
				o := m.Put(t, fmt.Sprintf("new-%03d", i), sample.Text(fmt.Sprint("new ", i)))
				uploaded[o] = time.Now() // its message is in the queue when S3 answers
				m.Await(t, o)
				time.Sleep(100 * time.Millisecond) // rescans may go on
			}
			m.checkUploadsFirst(t, uploaded, inWork)
			if after := m.rescanned(t, backfill); after <= before || after == len(backfill) {
				t.Errorf("got %d rescans before the uploads and %d after them, want more, and not all", before, after)
			}
			m.dropRescans(t)
		})
	}
}

// awaitUploads waits until no message of an upload is left.
func (m *machine) awaitUploads(t *testing.T) {
	t.Helper()
	harness.Poll(t, "an empty queue of uploads", func() bool { return m.Depth(t, harness.UploadQueue) == 0 })
}

// rescanned returns how many of the objects have an execution.
func (m *machine) rescanned(t *testing.T, objects []job.Object) (n int) {
	t.Helper()
	names := map[string]bool{}
	for _, e := range m.List(t) {
		names[e.Name] = true
	}
	for _, o := range objects {
		if names[(job.Job{Object: o, Run: "all"}).ExecutionName()] {
			n++
		}
	}
	return n
}

// checkUploadsFirst checks how many rescans were started between the arrival of an upload and its start. These had
// their permits before, or got them before the invocation of dispatch for the upload began.
func (m *machine) checkUploadsFirst(t *testing.T, uploaded map[job.Object]time.Time, most int) {
	t.Helper()
	executions := m.List(t)
	for o, arrived := range uploaded {
		name := job.Job{Object: o}.ExecutionName()
		i := slices.IndexFunc(executions, func(e history.Execution) bool { return e.Name == name })
		if i < 0 {
			t.Errorf("%s: got no execution, want one", o)
			continue
		}
		began := 0
		for _, e := range executions {
			if strings.HasPrefix(e.Name, "old-") && e.Started.After(arrived) && e.Started.Before(executions[i].Started) {
				began++
			}
		}
		if began > most {
			t.Errorf("%s: %d rescans were started while it waited for %v, want %d at most",
				o.Key, began, executions[i].Started.Sub(arrived), most)
		}
	}
}

// dropRescans deletes the messages of the rescans that wait, and waits for those that are under way: dispatch holds
// some messages, and gives those back that it cannot start.
func (m *machine) dropRescans(t *testing.T) {
	t.Helper()
	url := aws.String(m.QueueURL(harness.RescanQueue))
	harness.Poll(t, "an empty queue of rescans", func() bool {
		out, err := m.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatalf("receive rescans: %v", err)
		}
		for _, message := range out.Messages {
			if _, err := m.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
				QueueUrl: url, ReceiptHandle: message.ReceiptHandle,
			}); err != nil {
				t.Fatalf("delete a rescan: %v", err)
			}
		}
		return m.Depth(t, harness.RescanQueue) == 0
	})
	m.AwaitIdle(t)
}
