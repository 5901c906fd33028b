package sqs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/sqs"
)

func open(t *testing.T, path string) *sqs.Service {
	t.Helper()
	s, err := sqs.Open(path, pair())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestJournalOutlivesTheProcess opens the journal anew while the first service
// still has it open: nothing was flushed or closed in good order.
func TestJournalOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queues.jsonl")
	before := open(t, path)
	client, _ := overHTTP(t, before)
	if _, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine")}); err != nil {
		t.Fatal(err)
	}
	send(t, before, "mine", "in a queue of one's own")
	send(t, before, dead, "purged")
	if _, err := client.PurgeQueue(t.Context(), &api.PurgeQueueInput{QueueUrl: aws.String("lazaret-dead-letters")}); err != nil {
		t.Fatal(err)
	}
	bury(t, before, "dead")
	send(t, before, uploads, "deleted")
	if err := before.Delete(t.Context(), uploads, receive(t, before, uploads)[0].Receipt); err != nil {
		t.Fatal(err)
	}
	id := send(t, before, uploads, "in flight")
	receive(t, before, uploads)
	send(t, before, uploads, "waiting")

	after := open(t, path)
	for _, want := range []struct {
		queue, body string
		count       string
	}{
		{"mine", "in a queue of one's own", "1"},
		{dead, "dead", "4"},
	} {
		got := receive(t, after, want.queue)
		if len(got) != 1 || got[0].Body != want.body || got[0].Attributes["ApproximateReceiveCount"] != want.count {
			t.Errorf("in %s: %v", want.queue, got)
		}
	}
	got := receive(t, after, uploads)
	if diff := cmp.Diff([]string{"in flight", "waiting"}, bodies(got)); diff != "" {
		t.Fatalf("in uploads (-want +got):\n%s", diff)
	}
	if got[0].ID != id || got[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("the message in flight came back as %v", got[0])
	}
}

func TestJournalWithATornLastLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queues.jsonl")
	s := open(t, path)
	send(t, s, uploads, "whole")
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	send(t, s, uploads, "torn")
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, now[:len(written)+(len(now)-len(written))/2], 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	send(t, s, uploads, "after")
	if diff := cmp.Diff([]string{"whole", "after"}, bodies(receive(t, open(t, path), uploads))); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestJournalWithABadLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queues.jsonl")
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqs.Open(path, pair()); err == nil {
		_ = s.Close()
		t.Error("a journal that cannot be read was opened as an empty one")
	}
}
