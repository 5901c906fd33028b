package rescan

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

type fakeSender struct {
	send func(queue, body string) error
}

func (f fakeSender) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, f.send(*in.QueueUrl, *in.MessageBody)
}

// What is sent is what dispatch reads, under the name that is followed; each
// request is a run of its own.
func TestStart(t *testing.T) {
	t.Parallel()
	o := job.Object{Bucket: "b", Key: "k", VersionID: "v", ETag: "e", Size: 3}
	var bodies []string
	sends := fakeSender{func(queue, body string) error {
		if queue != "uploads-url" {
			t.Errorf("sent to %s", queue)
		}
		bodies = append(bodies, body)
		return nil
	}}
	names := map[string]bool{}
	for range 2 {
		execution, err := Start(t.Context(), sends, stack.Stack{Name: "lazaret", Uploads: "uploads-url"}, o)
		if err != nil {
			t.Fatal(err)
		}
		m, err := upload.Decode([]byte(bodies[len(bodies)-1]))
		if err != nil || len(m.Jobs) != 1 {
			t.Fatalf("%+v, %v", m, err)
		}
		j := m.Jobs[0]
		if diff := cmp.Diff(o, j.Object); diff != "" || j.Run == "" || j.Attempt != 0 {
			t.Errorf("run %q, attempt %d (-want +got):\n%s", j.Run, j.Attempt, diff)
		}
		if !strings.HasSuffix(execution, ":execution:lazaret-scan:"+j.ExecutionName()) {
			t.Errorf("follows %s, dispatch starts %s", execution, j.ExecutionName())
		}
		names[execution] = true
	}
	if len(names) != 2 {
		t.Error("the second request would be taken for the first")
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
			if _, err := Start(t.Context(), send, stack.Stack{}, tt.object); !errors.Is(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
		})
	}
}
