package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// testPolicy moves an object to the key "copy" of the bucket "destination". Every
// object with that key counts as its copy.
type testPolicy struct {
	s3  *s3fake.S3
	job job.Job
}

func (p testPolicy) Destination() (bucket, key string) { return "destination", "copy" }

func (p testPolicy) PlanCopy(context.Context, *Source) (CopyPlan, error) {
	return CopyPlan{
		Origin: []Entry{{Key: KeyBucket, Value: p.job.Object.Bucket}},
		SHA256: p.job.Scan.SHA256,
	}, nil
}

func (p testPolicy) IsOurCopy(_ context.Context, found *Found) (bool, error) {
	return true, found.CheckSHA256(p.job.Scan.SHA256)
}

func (p testPolicy) MayReplace(context.Context, *Found, *Source) error { return nil }

func (p testPolicy) MayBeNoncurrent(context.Context, *Found, *Source) (bool, error) {
	return false, nil
}

func (p testPolicy) WriteRecord(ctx context.Context, copied job.Copy) error {
	key := "record"
	_, err := p.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &copied.Bucket, Key: &key, Body: strings.NewReader(copied.VersionID),
	})
	return err
}

// newMove returns an S3 with an original between an older and a newer version of
// its key, and the job that moves it.
func newMove(t *testing.T) (*s3fake.S3, job.Job) {
	t.Helper()
	const body = "the scanned bytes"
	f := s3fake.New()
	f.Make("uploads", true)
	f.Make("destination", true)
	f.Add("uploads", "key", s3fake.Object{Body: "older"})
	o := f.Add("uploads", "key", s3fake.Object{
		Body: body, Metadata: map[string]string{"owner": "anna"}, Tags: map[string]string{"project": "x"},
	})
	f.Add("uploads", "key", s3fake.Object{Body: "newer"})
	sum := sha256.Sum256([]byte(body))
	return f, job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: "uploads", Key: "key", VersionID: o.ID, Size: int64(len(body))},
		Scan:    &job.Scan{Verdict: job.Infected, Signature: "X", SHA256: hex.EncodeToString(sum[:])},
	}
}

// steps are the requests of an undisturbed move, with the step that makes each.
var steps = []struct{ step, request string }{
	{step: "1 inspect the original", request: "HeadObject"},
	{step: "2 find an earlier copy", request: "HeadObject"},
	{step: "3 copy", request: "CopyObject"},
	{step: "3 copy", request: "HeadObject"},
	{step: "4 compare", request: "GetObjectTagging"},
	{step: "4 compare", request: "GetObjectTagging"},
	{step: "5 write the record", request: "PutObject"},
	{step: "6 remove the original", request: "DeleteObject"},
}

// TestSteps checks the order of the requests.
func TestSteps(t *testing.T) {
	t.Parallel()
	f, j := newMove(t)
	var got []string
	f.After = func(op string, _ int) { got = append(got, op) }
	if _, err := New(f).Move(t.Context(), j, testPolicy{s3: f, job: j}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range steps {
		want = append(want, s.request)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestCrash ends a move before and after each request, and runs it again. Whenever
// the original is removed, a complete copy and the record must be there; in the end
// there is one copy, and no original.
func TestCrash(t *testing.T) {
	t.Parallel()
	for i, s := range steps {
		for _, when := range s3fake.Moments {
			t.Run(fmt.Sprintf("%d %s, %s %s", i+1, s.step, s.request, when), func(t *testing.T) {
				t.Parallel()
				f, j := newMove(t)
				f.CrashAt(i+1, when)
				p := testPolicy{s3: f, job: j}
				if copied, err := New(f).Move(t.Context(), j, p); err == nil {
					t.Errorf("Move() = %+v, want the error of the crash", copied)
				}
				if !f.Restart() {
					t.Fatalf("no crash at request %d, want one", i+1)
				}
				if !hasOriginal(f, j) {
					checkMoved(t, f)
				}
				copied, err := New(f).Move(t.Context(), j, p)
				if err != nil {
					t.Fatalf("second attempt: %v, want no error", err)
				}
				checkMoved(t, f)
				if hasOriginal(f, j) {
					t.Error("the original is there after the move, want it removed")
				}
				if got := f.All("destination", "copy")[0].ID; got != copied.VersionID {
					t.Errorf("Move() returned the version %s, want %s", copied.VersionID, got)
				}
			})
		}
	}
}

// checkMoved checks that there is one complete copy, and a record of it.
func checkMoved(t *testing.T, f *s3fake.S3) {
	t.Helper()
	copies := f.All("destination", "copy")
	if len(copies) != 1 {
		t.Fatalf("got %d copies, want 1", len(copies))
	}
	c := copies[0]
	got := []any{c.Body, c.Metadata, c.Tags}
	want := []any{
		"the scanned bytes",
		map[string]string{"owner": "anna", KeyBucket: "uploads"},
		map[string]string{"project": "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if record := f.Current("destination")["record"].Body; record != c.ID {
		t.Errorf("the record names version %q, want %q", record, c.ID)
	}
}

// hasOriginal reports whether the original is there.
func hasOriginal(f *s3fake.S3, j job.Job) bool {
	for _, o := range f.All("uploads", "key") {
		if o.ID == j.Object.VersionID {
			return true
		}
	}
	return false
}
