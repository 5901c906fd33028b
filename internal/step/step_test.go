package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/lazaret/lazaret/internal/job"
)

func TestTranslate(t *testing.T) {
	t.Parallel()
	for _, n := range job.Named {
		err := translate(fmt.Errorf("tag s3://b/k: %w: %w", n.Err, errors.New("503")))
		var response messages.InvokeResponse_Error
		if !errors.As(err, &response) || response.Type != n.Name {
			t.Errorf("translate(%v) = %#v, want type %s", n.Err, err, n.Name)
		}
	}
	if err := translate(nil); err != nil {
		t.Errorf("translate(nil) = %v, want nil", err)
	}
	var response messages.InvokeResponse_Error
	if errors.As(translate(errors.New("x")), &response); response.Type != job.Unnamed || response.Message != "x" {
		t.Errorf("an error without a sentinel is %+v, want type %s", response, job.Unnamed)
	}
}

// TestWithLog replaces the logger of the process, so that it does not run in parallel.
func TestWithLog(t *testing.T) {
	tests := []struct {
		name    string
		in      job.Job
		handler Handler
		want    map[string]any
		err     error
	}{
		{
			name: "a verdict",
			in:   job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "k", VersionID: "v"}},
			handler: func(_ context.Context, j job.Job) (job.Job, error) {
				j.Scan = &job.Scan{Verdict: job.Clean}
				return j, nil
			},
			want: map[string]any{"level": "INFO", "bucket": "b", "key": "k", "versionId": "v", "outcome": "CLEAN"},
		},
		{
			name:    "an error",
			in:      job.Job{Version: 1, Object: job.Object{Bucket: "b", Key: "k", ETag: "e"}},
			handler: func(_ context.Context, j job.Job) (job.Job, error) { return j, fmt.Errorf("x: %w", job.ErrObjectGone) },
			want:    map[string]any{"level": "ERROR", "error": "ObjectGone", "cause": "x: object gone"},
			err:     job.ErrObjectGone,
		},
		{
			name:    "no job at all",
			handler: func(_ context.Context, j job.Job) (job.Job, error) { t.Error("the handler was called"); return j, nil },
			want:    map[string]any{"level": "ERROR", "error": "BadJob"},
			err:     job.ErrBadJob,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			old := slog.Default()
			slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
			defer slog.SetDefault(old)
			_, err := tt.handler.withLog("tag")(t.Context(), tt.in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("log is not one JSON line: %v\n%s", err, out.String())
			}
			for k, want := range tt.want {
				if line[k] != want {
					t.Errorf("log[%q] = %v, want %v", k, line[k], want)
				}
			}
		})
	}
}
