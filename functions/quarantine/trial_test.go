package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
	"github.com/lazaret/lazaret/internal/trial"
)

// trialLimit is NewSignatureLimit in these tests.
const trialLimit = 3

// trialBench is a handler with the trials of one new signature.
type trialBench struct {
	handler
	f       *s3fake.S3
	metrics bytes.Buffer
}

func newTrialBench() *trialBench {
	f := s3fake.New()
	for _, bucket := range []string{uploads, quarantineBucket, "records"} {
		f.Make(bucket, true)
	}
	f.Policies = map[string]string{uploads: `{"Statement":[` + gate + `]}`}
	b := &trialBench{f: f}
	b.handler = handler{s3: f, move: move.New(f), bucket: quarantineBucket, trials: trials{
		counter: &trial.Counter{S3: f, Bucket: "records", Limit: trialLimit}, metrics: metric.New(&b.metrics, "lazaret"),
	}}
	return b
}

// upload stores the n-th file, with the tag that Tag writes, and returns its job.
func (b *trialBench) upload(n int) job.Job {
	content := fmt.Sprint("harmless file ", n)
	tags := map[string]string{"scan-status": "INFECTED"}
	o := b.f.Add(uploads, fmt.Sprint("in/", n), s3fake.Object{Body: content, Tags: tags})
	sum := sha256.Sum256([]byte(content))
	return job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: uploads, Key: fmt.Sprint("in/", n), VersionID: o.ID, ETag: strings.Trim(o.ETag(), `"`),
			Size: int64(len(content)),
		},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: "Bad", FirstSeen: scanTime, SHA256: hex.EncodeToString(sum[:]),
			Size: int64(len(content)), Time: scanTime,
		},
	}
}

// trip moves as many files as the limit allows.
func (b *trialBench) trip(t *testing.T) {
	t.Helper()
	for n := range trialLimit {
		if _, err := b.handle(t.Context(), b.upload(n)); err != nil {
			t.Fatalf("file %d: %v, want it moved", n, err)
		}
	}
}

// count returns how often a metric was emitted.
func (b *trialBench) count(name string) int {
	return strings.Count(b.metrics.String(), `"`+name+`":1`)
}

// TestOnTrial checks that the object waits which is one too many, that it stays where it is, and that the
// error says what an operator can do.
func TestOnTrial(t *testing.T) {
	t.Parallel()
	b := newTrialBench()
	b.trip(t)
	for n := 10; n < 15; n++ {
		j := b.upload(n)
		_, err := b.handle(t.Context(), j)
		if job.Name(err) != "SignatureOnTrial" {
			t.Fatalf("file %d: %v, want a job.ErrSignatureOnTrial", n, err)
		}
		for _, want := range []string{"Bad is in the definitions since 2026-11-22T09:30:00Z", "3 different files", "rollback"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q in it", err, want)
			}
		}
		if len(b.f.All(uploads, j.Object.Key)) != 1 || len(b.f.All(quarantineBucket, j.Object.QuarantineKey())) != 0 {
			t.Errorf("file %d was moved, want it where it was", n)
		}
	}
	if got := b.count(metric.SignatureOnTrial); got != 5 {
		t.Errorf("%d objects counted, want 5", got)
	}
	if err := (trial.Records{S3: b.f, Bucket: "records"}).Confirm(t.Context(), "Bad"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.handle(t.Context(), b.upload(10)); err != nil {
		t.Errorf("after Confirm: %v, want it moved", err)
	}
}

// TestNeverHeld checks what is moved although the signature has hit too many files.
func TestNeverHeld(t *testing.T) {
	t.Parallel()
	refuseAll := func(op, code string, status int) func(*trialBench, *job.Job) {
		return func(b *trialBench, _ *job.Job) { refuse(b.f, op, status, code, "") }
	}
	for _, tt := range []struct {
		name              string
		change            func(b *trialBench, j *job.Job)
		onTrial, unproved int // how often the metrics are emitted
	}{
		{name: "a known signature", change: func(_ *trialBench, j *job.Job) { j.Scan.FirstSeen = time.Time{} }},
		{name: "another new signature", change: func(_ *trialBench, j *job.Job) { j.Scan.Signature = "New-2" }},
		{name: "the limit is 0", change: func(b *trialBench, _ *job.Job) { b.trials.counter = nil }},
		{
			name:    "the bucket has no policy",
			change:  func(b *trialBench, _ *job.Job) { clear(b.f.Policies) },
			onTrial: 1,
		},
		{
			name:    "the policy has no gate",
			change:  func(b *trialBench, _ *job.Job) { b.f.Policies[uploads] = `{"Statement":[]}` },
			onTrial: 1,
		},
		{
			name:    "the policy is unreadable",
			change:  func(b *trialBench, _ *job.Job) { b.f.Policies[uploads] = `{` },
			onTrial: 1,
		},
		{
			name: "Tag could not tag it",
			change: func(b *trialBench, j *job.Job) {
				b.f.Retag(uploads, j.Object.Key, j.Object.VersionID, map[string]string{"scan-status": "CLEAN"})
			},
			onTrial: 1,
		},
		{name: "the policy may not be read", change: refuseAll("GetBucketPolicy", "AccessDenied", 403), onTrial: 1},
		{name: "the records may not be listed", change: refuseAll("ListObjectsV2", "AccessDenied", 403), unproved: 1},
		{name: "there is no records bucket", change: refuseAll("ListObjectsV2", "NoSuchBucket", 404), unproved: 1},
		{
			name: "the count has failed again and again",
			change: func(b *trialBench, j *job.Job) {
				refuse(b.f, "ListObjectsV2", 503, "SlowDown", "")
				j.Error = &job.Failure{Error: "TrialUncounted", Cause: `{"errorMessage":"slow down"}`}
			},
			unproved: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newTrialBench()
			b.trip(t)
			j := b.upload(10)
			tt.change(b, &j)
			out, err := b.handle(t.Context(), j)
			if err != nil || out.Copy == nil || len(b.f.All(uploads, j.Object.Key)) != 0 {
				t.Fatalf("got %+v, %v, want it moved", out.Copy, err)
			}
			if got := b.count(metric.SignatureOnTrial); got != tt.onTrial {
				t.Errorf("SignatureOnTrial emitted %d times, want %d", got, tt.onTrial)
			}
			if got := b.count(metric.TrialsUncounted); got != tt.unproved {
				t.Errorf("TrialsUncounted emitted %d times, want %d", got, tt.unproved)
			}
		})
	}
}

// TestUncountedIsRetried checks the name of the error when S3 fails while files are counted.
func TestUncountedIsRetried(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"ListObjectsV2", "GetBucketPolicy"} {
		b := newTrialBench()
		b.trip(t)
		j := b.upload(10)
		refuse(b.f, op, 503, "SlowDown", "")
		if _, err := b.handle(t.Context(), j); !errors.Is(err, job.ErrTrialUncounted) || job.Name(err) != "TrialUncounted" {
			t.Errorf("%s answers 503: got %v, want a job.ErrTrialUncounted", op, err)
		}
		if len(b.f.All(uploads, j.Object.Key)) != 1 {
			t.Errorf("%s answers 503: the object was moved, want it retried first", op)
		}
	}
}

// TestMovedBefore checks that an object goes on which an earlier attempt has moved before it died.
func TestMovedBefore(t *testing.T) {
	t.Parallel()
	b := newTrialBench()
	b.trip(t)
	j := b.upload(0)
	j.Object.Key, j.Object.VersionID = "in/gone", "v99"
	j.Error = &job.Failure{Error: "ObjectGone"}
	if _, err := b.handle(t.Context(), j); job.Name(err) != "ObjectGone" {
		t.Errorf("got %v, want a job.ErrObjectGone: no trial of an object that is not there", err)
	}
}

// TestNewTrials changes the environment, so that it runs alone.
func TestNewTrials(t *testing.T) {
	for _, tt := range []struct {
		bucket, limit string
		ok, on        bool
	}{
		{"records", "20", true, true},
		{"records", "0", true, false},
		{"records", "", false, false},
		{"records", "-1", false, false},
		{"records", "many", false, false},
		{"", "20", false, false},
	} {
		t.Setenv("RECORDS_BUCKET", tt.bucket)
		t.Setenv("NEW_SIGNATURE_LIMIT", tt.limit)
		got, err := newTrials(s3fake.New())
		if (err == nil) != tt.ok || (got.counter != nil) != tt.on {
			t.Errorf("bucket %q, limit %q: %+v, %v, want ok %t and on %t", tt.bucket, tt.limit, got.counter, err, tt.ok, tt.on)
		}
	}
}
