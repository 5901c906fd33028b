package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// refuse makes every call of one operation fail.
func refuse(f *s3fake.S3, op string, status int, code, message string) {
	f.Before = func(is string, _ int) error {
		if is == op {
			return s3fake.Err(op, status, code, message)
		}
		return nil
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		flat    bool // whether the bucket has no versions
		disturb func(f *s3fake.S3, j *job.Job)
		want    error
	}{
		{name: "gone", disturb: func(f *s3fake.S3, j *job.Job) { j.Object.VersionID = "v99" }, want: job.ErrObjectGone},
		{
			name:    "overwritten",
			flat:    true,
			disturb: func(f *s3fake.S3, _ *job.Job) { f.Add(uploads, key, s3fake.Object{Body: "new"}) },
			want:    job.ErrObjectChanged,
		},
		{name: "a delete marker", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Object.VersionID = f.Add(uploads, key, s3fake.Object{Marker: true}).ID
		}, want: job.ErrObjectGone},
		{
			name:    "clean",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = &job.Scan{Verdict: job.Clean} },
			want:    job.ErrBadJob,
		},
		{name: "no verdict", disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan = nil }, want: job.ErrBadJob},
		{
			name:    "too large to copy",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.Size = 5<<30 + 1 },
			want:    job.ErrBadJob,
		},
		{
			name:    "neither version nor ETag",
			flat:    true,
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Object.ETag = "" },
			want:    job.ErrBadJob,
		},
		{
			name:    "slow down",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 503, "SlowDown", "") },
			want:    job.ErrTransient,
		},
		{
			name:    "no key",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 403, "AccessDenied", "kms:Decrypt") },
			want:    job.ErrAccessDenied,
		},
		{name: "no bucket", disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 404, "NoSuchBucket", "") }},
		{
			name:    "two writers",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 409, "ConditionalRequestConflict", "") },
			want:    job.ErrTransient,
		},
		{
			name:    "record refused",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "PutObject", 403, "AccessDenied", "") },
			want:    job.ErrAccessDenied,
		},
		{
			name:    "not ours to delete",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "DeleteObject", 403, "AccessDenied", "not authorized") },
			want:    job.ErrAccessDenied,
		},
		{
			name:    "deletion throttled",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "DeleteObject", 503, "SlowDown", "") },
			want:    job.ErrTransient,
		},
		{
			name:    "other bytes came out",
			disturb: func(_ *s3fake.S3, j *job.Job) { j.Scan.SHA256 = strings.Repeat("0", 64) },
			want:    move.ErrOtherBytes,
		},
		{name: "another object with the key", disturb: func(f *s3fake.S3, j *job.Job) {
			f.Add(quarantineBucket, j.Object.QuarantineKey(), s3fake.Object{Body: "not it", SHA256: true})
		}, want: move.ErrOtherBytes},
		{name: "a copy without checksum under the key", disturb: func(f *s3fake.S3, j *job.Job) {
			f.Add(quarantineBucket, j.Object.QuarantineKey(), s3fake.Object{Body: body})
		}, want: move.ErrOtherBytes},
		{name: "never fetched, and another size under the key", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(quarantineBucket, j.Object.QuarantineKey(), s3fake.Object{Body: body + "!"})
		}, want: move.ErrOtherBytes},
		{name: "never fetched, and another version under the key", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(
				quarantineBucket,
				j.Object.QuarantineKey(),
				s3fake.Object{Body: body, Metadata: map[string]string{move.KeyVersion: "v99"}},
			)
		}, want: move.ErrOtherBytes},
		{name: "never fetched, and another ETag under the key", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.Add(quarantineBucket, j.Object.QuarantineKey(), s3fake.Object{Body: strings.ToUpper(body)})
		}, want: move.ErrOtherBytes},
		{name: "never fetched, and another size came out", disturb: func(f *s3fake.S3, j *job.Job) {
			j.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge}
			f.ChangeCopy = func(o *s3fake.Object) { o.Body += "!" }
		}, want: move.ErrOtherBytes},
		{
			name:    "archived, but scanned",
			disturb: func(f *s3fake.S3, _ *job.Job) { refuse(f, "CopyObject", 403, "InvalidObjectState", "") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, j := world(!tt.flat, upload())
			tt.disturb(f, &j)
			before := bodies(f)
			_, err := run(t, f, j)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if tt.want == nil && job.Name(err) != job.Unnamed {
				t.Errorf("error = %v, has the name %s, want another error", err, job.Name(err))
			}
			if diff := cmp.Diff(before, bodies(f)); diff != "" {
				t.Errorf("uploads (-want +got):\n%s", diff)
			}
		})
	}
}
