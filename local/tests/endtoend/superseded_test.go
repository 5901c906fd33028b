package endtoend

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestSupersededCopy promotes a version whose original cannot be deleted, and then a newer version. The second
// attempt at the first version finds its copy below the newer one, and the version is in one bucket.
func TestSupersededCopy(t *testing.T) {
	t.Parallel()
	p := startWithProxy(t, "--time-scale", "200", "--parameter-overrides", "BucketLayout=three-bucket")
	t.Cleanup(func() { p.RemoveWorkFiles(t) })
	const key = "superseded"
	p.addFault("promote DeleteObject", key, answerError(http.StatusForbidden, "AccessDenied"))
	first := p.Put(t, key, sample.Text("first"))
	if r := p.Await(t, first); r.Failure.Error != "AccessDenied" {
		t.Fatalf("%s: got %+v, want a dead letter of AccessDenied", first, r)
	}
	copies := p.Versions(t, harness.Clean, key)
	p.removeFaults()
	second := p.Put(t, key, sample.Text("second"))
	if r := p.Await(t, second); r.Status != "SUCCEEDED" {
		t.Fatalf("%s: got %s, %+v, want SUCCEEDED", second, r.Status, r.Failure)
	}
	p.redriveAll(t)
	r := p.AwaitJob(t, job.Job{Object: first, Attempt: 1})
	if r.Status != "SUCCEEDED" || r.Job.Copy == nil || len(copies) != 1 || r.Job.Copy.VersionID != copies[0] {
		t.Errorf("%s, second attempt: got %s, copy %+v, want version %q", first, r.Status, r.Job.Copy, copies)
	}
	if left := p.Versions(t, harness.Uploads, key); len(left) > 0 {
		t.Errorf("versions in uploads: got %q, want none", left)
	}
	got, err := p.Read(t.Context(), job.Object{Bucket: harness.Clean, Key: key})
	if err != nil || !bytes.Equal(got, sample.Text("second")) {
		t.Errorf("read it in the clean bucket: got %q, %v, want the newer version", got, err)
	}
	if all := p.Versions(t, harness.Clean, key); len(all) != 2 {
		t.Errorf("versions in the clean bucket: got %q, want 2", all)
	}
}
