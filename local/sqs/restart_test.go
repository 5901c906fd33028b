package sqs_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// A service finds what another one left in the store: nothing is kept elsewhere.
func TestQueuesOutliveTheService(t *testing.T) {
	t.Parallel()
	kept := newStore(t, t.TempDir())
	before := open(t, kept, pair())
	client, _ := overHTTP(t, before)
	if _, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("mine")}); err != nil {
		t.Fatal(err)
	}
	send(t, before, "mine", "in a queue of one's own")
	bury(t, before, "dead")
	send(t, before, uploads, "deleted")
	if err := before.Delete(uploads, receive(t, before, uploads)[0].ReceiptHandle); err != nil {
		t.Fatal(err)
	}
	id := send(t, before, uploads, "in flight")
	send(t, before, uploads, "in flight too")
	held := receive(t, before, uploads)
	send(t, before, uploads, "waiting")

	after := open(t, kept, pair())
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
	// A consumer that is not the stack's own may have outlived it.
	if err := after.Delete(uploads, held[1].ReceiptHandle); err != nil {
		t.Error(err)
	}
	got := receive(t, after, uploads)
	if diff := cmp.Diff([]string{"in flight", "waiting"}, bodies(got)); diff != "" {
		t.Fatalf("in uploads (-want +got):\n%s", diff)
	}
	if got[0].MessageId != id || got[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("got %v for the message in flight, want id %s, received twice", got[0], id)
	}
}
