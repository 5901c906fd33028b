package endtoend

import (
	"testing"
)

// TestFaults runs the tests of faults that concern one object each, on one machine of each lane.
func TestFaults(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		p := startWithProxy(
			t,
			"--time-scale",
			"200",
			"--parameter-overrides",
			"BucketLayout=three-bucket",
			"MaxConcurrentScans=4",
			workflow,
		)
		p.subscribe(t)
		t.Cleanup(func() { p.RemoveWorkFiles(t) })
		t.Run("of", func(t *testing.T) { // returns when all have ended
			t.Run("killed", p.testKilled)
			t.Run("S3", p.testS3)
			t.Run("checksums", p.testChecksums)
			t.Run("unreadable", p.testUnreadable)
			t.Run("engine", p.testEngine)
			t.Run("crashing file", p.testCrashingFile)
			t.Run("deleted", p.testDeleted)
		})
		p.CheckPermits(t, 4)
	})
}
