package machine

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// TestSupersededCopy promotes a version whose original cannot be removed, then a
// newer one: run again, the first attempt's copy is found beneath the newer one,
// and the object ends in one bucket.
func TestSupersededCopy(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, "--time-scale", "200", "--parameter-overrides", "BucketLayout=three-bucket")
	t.Cleanup(func() { p.clearWorkFiles(t) })
	const key = "superseded"
	p.on("promote DeleteObject", key, refuse(http.StatusForbidden, "AccessDenied"))
	first := p.Put(t, key, sample.Text("first"))
	if r := p.Await(t, first); r.Dead.Error != "AccessDenied" {
		t.Fatalf("%s: got %+v, want a dead letter of AccessDenied", first, r)
	}
	copies := p.Versions(t, Clean, key)
	p.lift()
	second := p.Put(t, key, sample.Text("second"))
	if r := p.Await(t, second); r.Status != "SUCCEEDED" {
		t.Fatalf("%s: %s, %+v", second, r.Status, r.Dead)
	}
	p.moveBack(t)
	r := p.AwaitJob(t, job.Job{Object: first, Attempt: 1})
	if r.Status != "SUCCEEDED" || r.Job.Copy == nil || len(copies) != 1 || r.Job.Copy.VersionID != copies[0] {
		t.Errorf("%s, run again: %s, copy %+v, want version %q", first, r.Status, r.Job.Copy, copies)
	}
	if left := p.Versions(t, Uploads, key); len(left) > 0 {
		t.Errorf("versions in uploads: %q, want none", left)
	}
	if got, err := p.Read(t.Context(), job.Object{Bucket: Clean, Key: key}); err != nil || !bytes.Equal(got, sample.Text("second")) {
		t.Errorf("the clean bucket shows %q, %v, want the newer version", got, err)
	}
	if all := p.Versions(t, Clean, key); len(all) != 2 {
		t.Errorf("versions in the clean bucket: %q, want 2", all)
	}
}
