package job_test

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// FuzzExecutionName checks that Step Functions accepts the name, that it is the same for the same job
// and another for any other, and that the quarantine key depends only on the object.
func FuzzExecutionName(f *testing.F) {
	f.Add("b", "a/b.txt", "v", 0, "", "a/b.txt", "v", 1)
	f.Add("b", "año/日本語 100%.tar.gz", "null", 3, "rescan-7", "año/日本語 100%.tar.gz", "", 3)
	f.Add("b", strings.Repeat("x/", 500), "", 1, "", "x", "", 1)
	f.Add("b", "../../etc/passwd", "", 0, "", "passwd", "", 0)
	f.Add("b", "k", "1v", 0, "", "k1", "v", 0)
	f.Fuzz(
		func(t *testing.T, bucket, key, version string, attempt int, run, otherKey, otherVersion string, otherAttempt int) {
			one := job.Job{Object: job.Object{Bucket: bucket, Key: key, VersionID: version}, Attempt: attempt, Run: run}
			two := job.Job{
				Object:  job.Object{Bucket: bucket, Key: otherKey, VersionID: otherVersion},
				Attempt: otherAttempt,
				Run:     run,
			}
			name := one.ExecutionName()
			if !legal.MatchString(name) || name != one.ExecutionName() {
				t.Fatalf("ExecutionName of %q = %q, then %q", key, name, one.ExecutionName())
			}
			sameObject := key == otherKey && one.Object.Pinned() == two.Object.Pinned()
			if got := name == two.ExecutionName(); got != (sameObject && attempt == otherAttempt) {
				t.Errorf("%+v and %+v have the same name: %t", one, two, got)
			}
			if one.Object.Same(two.Object) != sameObject || len(one.Object.QuarantineKey()) != 40 {
				t.Errorf("%+v and %+v are the same: %t", one.Object, two.Object, !sameObject)
			}
			// A part that is cut off, or moved to the next field, changes the name.
			moved := one
			moved.Object.Bucket, moved.Object.Key = bucket+key, ""
			if key != "" && moved.ExecutionName() == name {
				t.Errorf("bucket and key run together: %q", name)
			}
			moved = one
			if moved.Run = run + "x"; moved.ExecutionName() == name || !moved.Object.Same(one.Object) {
				t.Errorf("another run of %+v is not another run of it", one)
			}
		},
	)
}
