package s3

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// TestOpenRefuses looks at configurations that would lose events or leave a
// gate open.
func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name   string
		bucket template.Bucket
	}{
		{
			"notification to nobody",
			template.Bucket{
				Name:          "bbb",
				Notifications: []template.Notification{{Event: "s3:ObjectCreated:*", QueueARN: uploads}},
			},
		},
		{"bus of nobody", template.Bucket{Name: "bbb", EventBridge: true}},
		{
			"policy that is not understood",
			template.Bucket{Name: "bbb", Policy: []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny"}}`)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := must2(store.Open(t.TempDir()))(t)
			defer state.Close()
			if _, err := open(t.Context(), Config{Store: state, Buckets: []template.Bucket{tt.bucket}}); err == nil {
				t.Error("opened")
			}
		})
	}
}

// TestOpenAgain reopens data: what was uploaded is there, what no transaction names
// is removed, and another template's queues are told no more.
func TestOpenAgain(t *testing.T) {
	dir, queue := t.TempDir(), ""
	deliver := func(_ *bbolt.Tx, arn, _ string) error { queue = arn; return nil }
	start := func(b template.Bucket) (*buckets, *store.Store) {
		t.Helper()
		state := must2(store.Open(dir))(t)
		return must2(open(t.Context(), Config{Store: state, Buckets: []template.Bucket{b}, Deliver: deliver}))(t), state
	}
	b, state := start(
		template.Bucket{
			Name:          "bbb",
			Versioned:     true,
			Notifications: []template.Notification{{Event: "s3:ObjectCreated:*", QueueARN: uploads}},
		},
	)
	put := func() error {
		_, err := b.PutObject(t.Context(), s3response.PutObjectInput{
			Bucket: aws.String(
				"bbb",
			),
			Key:           aws.String("k"),
			Body:          strings.NewReader("x"),
			ContentLength: aws.Int64(1),
			Tagging:       aws.String("a=1"),
		})
		return err
	}
	if err := put(); err != nil || queue != uploads {
		t.Fatalf("put: %v, announced to %q", err, queue)
	}
	orphan := must2(b.bodies.write(strings.NewReader("never named"), -1, sums{}))(t)
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	b, state = start(template.Bucket{Name: "another"})
	defer state.Close()
	if _, err := b.bodies.open(orphan.name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a body that nobody names: %v, want it swept", err)
	}
	wantTags(t, must2(b.GetObjectTagging(t.Context(), "bbb", "k", ""))(t), "a", "1")
	out := must2(b.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bbb"), Key: aws.String("k")}))(t)
	if got := string(must2(io.ReadAll(out.Body))(t)); got != "x" {
		t.Errorf("reads %q, want x", got)
	}
	queue = ""
	if err := put(); err != nil || queue != "" {
		t.Errorf("put: %v, announced to %q, want nowhere", err, queue)
	}
}
