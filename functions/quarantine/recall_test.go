package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// TestRecall runs a job without a verdict, whose object is gone: it gets the verdict and the copy of the execution
// that moved the object and died.
func TestRecall(t *testing.T) {
	t.Parallel()
	f, j := world(true, upload())
	moved, err := run(t, f, j)
	if err != nil {
		t.Fatal(err)
	}
	again := job.Job{Version: j.Version, Object: j.Object, Error: &job.Failure{Error: job.Name(job.ErrObjectGone)}}
	got, err := run(t, f, again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{moved.Scan, moved.Copy}, []any{got.Scan, got.Copy}); diff != "" {
		t.Errorf("verdict and copy (-want +got):\n%s", diff)
	}
	if n := len(f.All(quarantineBucket, j.Object.QuarantineKey())); n != 1 {
		t.Errorf("%d copies, want 1", n)
	}
}

func encode(t *testing.T, j job.Job) string {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNothingToRecall checks what a job without a verdict ends in where no execution has left one.
func TestNothingToRecall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(f *s3fake.S3, j *job.Job)
		want   error // nil for one without a name
		text   string
	}{
		{name: "deleted by its uploader", change: func(*s3fake.S3, *job.Job) {}, want: job.ErrObjectGone},
		{name: "overwritten", change: func(_ *s3fake.S3, j *job.Job) {
			j.Error.Error = job.Name(job.ErrObjectChanged)
		}, want: job.ErrObjectChanged},
		{name: "the object is not gone", change: func(_ *s3fake.S3, j *job.Job) { j.Error = nil }, want: job.ErrBadJob},
		{name: "the record is of another object", change: func(f *s3fake.S3, j *job.Job) {
			f.Add(quarantineBucket, j.Object.QuarantineKey()+".json", s3fake.Object{Body: `{"object":{"bucket":"b","key":"k"}}`})
		}, want: job.ErrBadJob},
		{name: "the record is damaged", change: func(f *s3fake.S3, j *job.Job) {
			f.Add(quarantineBucket, j.Object.QuarantineKey()+".json", s3fake.Object{Body: `{"object":`})
		}, text: "unexpected end of JSON input"},
		{name: "the record has no verdict", change: func(f *s3fake.S3, j *job.Job) {
			f.Add(quarantineBucket, j.Object.QuarantineKey()+".json", s3fake.Object{Body: encode(t, *j)})
		}, want: job.ErrBadJob},
		{name: "the copy is gone", change: func(f *s3fake.S3, j *job.Job) {
			record := *j
			record.Scan = &job.Scan{Verdict: job.Infected, Signature: "X", SHA256: strings.Repeat("0", 64)}
			f.Add(quarantineBucket, j.Object.QuarantineKey()+".json", s3fake.Object{Body: encode(t, record)})
		}, want: job.ErrObjectGone},
		{name: "the bucket is refused", change: func(f *s3fake.S3, _ *job.Job) {
			refuse(f, "GetObject", 403, "AccessDenied", "")
		}, want: job.ErrAccessDenied},
		{name: "the bucket is slow", change: func(f *s3fake.S3, _ *job.Job) {
			refuse(f, "GetObject", 503, "SlowDown", "")
		}, want: job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, j := world(true, upload())
			f.Remove(uploads, key, j.Object.VersionID)
			j.Scan, j.Error = nil, &job.Failure{Error: job.Name(job.ErrObjectGone)}
			tt.change(f, &j)
			_, err := run(t, f, j)
			ok := errors.Is(err, tt.want)
			if tt.want == nil {
				ok = err != nil && strings.Contains(err.Error(), tt.text)
			}
			if !ok {
				t.Errorf("got %v, want %v %s", err, tt.want, tt.text)
			}
		})
	}
}
