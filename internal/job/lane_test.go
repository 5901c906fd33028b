package job_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// TestWorkName checks that every execution of one object has a work file of its own, and that all of
// them have one name.
func TestWorkName(t *testing.T) {
	t.Parallel()
	standard := job.Job{Object: job.Object{Bucket: "b", Key: "report.pdf", VersionID: "v1"}}
	if got, want := standard.WorkName(), standard.ExecutionName(); got != want {
		t.Errorf("STANDARD: WorkName() = %q, want the execution's name %q", got, want)
	}
	seen := map[string]bool{standard.WorkName(): true}
	for range 100 {
		express := standard
		express.Lane = job.NewLane()
		if got, want := express.ExecutionName(), standard.ExecutionName(); got != want {
			t.Fatalf("EXPRESS: ExecutionName() = %q, want %q", got, want)
		}
		name := express.WorkName()
		if seen[name] {
			t.Fatalf("EXPRESS: WorkName() = %q a second time, want a new one", name)
		}
		seen[name] = true
	}
}
