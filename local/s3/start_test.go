package s3

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/local/template"
)

// TestOpenRefuses looks at configurations that would lose events or leave a
// gate open. It starts no gateway, but posix.New moves the process, so it must
// not run beside the others.
func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name   string
		bucket template.Bucket
	}{
		{"notification to nobody", template.Bucket{Name: "bbb", Notifications: []template.Notification{{Event: "s3:ObjectCreated:*", QueueARN: uploads}}}},
		{"bus of nobody", template.Bucket{Name: "bbb", EventBridge: true}},
		{"policy that is not understood", template.Bucket{Name: "bbb", Policy: []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny"}}`)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer back(t)()
			if _, err := open(t.Context(), Config{DataDir: t.TempDir(), Buckets: []template.Bucket{tt.bucket}}); err == nil {
				t.Error("opened")
			}
		})
	}
}

// TestOpenAgain reopens data, in the keeping it was begun with.
func TestOpenAgain(t *testing.T) {
	for _, sidecar := range []bool{false, true} {
		defer back(t)()
		dir := t.TempDir()
		cfg := Config{DataDir: dir, Sidecar: sidecar, Buckets: []template.Bucket{{Name: "bbb", Versioned: true}}}
		first := must2(open(t.Context(), cfg))(t)
		if err := os.WriteFile(filepath.Join(dir, "s3", "objects", "bbb", "k"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := first.PutObjectTagging(t.Context(), "bbb", "k", "", map[string]string{"a": "1"}); err != nil {
			t.Fatal(err)
		}
		cfg.Sidecar = false
		again := must2(open(t.Context(), cfg))(t)
		bucket, key := "bbb", "k"
		must2(again.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key}))(t)
		wantTags(t, must2(again.GetObjectTagging(t.Context(), bucket, key, ""))(t), "a", "1")
	}
}

// back returns to the folder that the running gateway works in.
func back(t *testing.T) func() {
	t.Helper()
	here := must2(os.Getwd())(t)
	return func() {
		if err := os.Chdir(here); err != nil {
			t.Fatal(err)
		}
	}
}
