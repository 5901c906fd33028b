package machine

import (
	"testing"
)

// TestFaults holds the faults that concern one object at a time, so that one
// machine does for all of them. Whatever happens, each upload has one end.
func TestFaults(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, "--time-scale", "200", "--parameter-overrides", "BucketLayout=three-bucket", "MaxConcurrentScans=4")
	p.listen(t)
	t.Cleanup(func() { p.clearWorkFiles(t) })
	t.Run("killed", p.testKilled)
	t.Run("S3", p.testS3)
	t.Run("checksums", p.testChecksums)
	t.Run("unreadable", p.testUnreadable)
	t.Run("engine", p.testEngine)
	t.Run("killer", p.testKiller)
	t.Run("deleted", p.testDeleted)
}
