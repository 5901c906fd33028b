package rescan

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

type fakeSender struct {
	send func(queue, body string) error
}

func (f fakeSender) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, f.send(*in.QueueUrl, *in.MessageBody)
}

// TestStart checks that dispatch starts the execution that Start returns, and that each request is a run of its own.
func TestStart(t *testing.T) {
	t.Parallel()
	o := job.Object{Bucket: "b", Key: "k", VersionID: "v", ETag: "e", Size: 3}
	var bodies []string
	client := fakeSender{func(queue, body string) error {
		if queue != "rescans-url" {
			t.Errorf("sent to %q, want rescans-url", queue)
		}
		bodies = append(bodies, body)
		return nil
	}}
	names := map[string]bool{}
	for range 2 {
		stack := deployment.Stack{Name: "lazaret", Uploads: "uploads-url", Rescans: "rescans-url"}
		execution, err := Start(t.Context(), client, stack, o)
		if err != nil {
			t.Fatal(err)
		}
		m, err := upload.Decode([]byte(bodies[len(bodies)-1]))
		if err != nil || len(m.Jobs) != 1 {
			t.Fatalf("got message %+v, %v, want one with one job", m, err)
		}
		j := m.Jobs[0]
		if diff := cmp.Diff(o, j.Object); diff != "" || j.Run == "" || j.Attempt != 0 {
			t.Errorf(
				"got run %q, attempt %d, want a run and attempt 0; object (-want +got):\n%s",
				j.Run,
				j.Attempt,
				diff,
			)
		}
		if execution != j.ExecutionName() {
			t.Errorf("got execution %s, want %s, which dispatch starts", execution, j.ExecutionName())
		}
		names[execution] = true
	}
	if len(names) != 2 {
		t.Errorf("got executions %v, want two", names)
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	tests := []struct {
		name   string
		object job.Object
		want   error
	}{
		{"no version", job.Object{Bucket: "b", Key: "k"}, upload.ErrUnknown},
		{"the queue refuses", job.Object{Bucket: "b", Key: "k", VersionID: "v", Size: 1}, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			send := fakeSender{func(string, string) error { return refused }}
			if _, err := Start(t.Context(), send, deployment.Stack{}, tt.object); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}
