package step

import (
	"runtime"
	"testing"
)

// TestCollectLess checks that a small heap is not collected before 16 MiB of garbage.
func TestCollectLess(t *testing.T) {
	collectLess()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 12 << 10 {
		garbage = make([]byte, 1<<10)
	}
	runtime.ReadMemStats(&after)
	if after.NumGC != before.NumGC {
		t.Errorf("%d collections during 12 MiB of garbage, want none", after.NumGC-before.NumGC)
	}
}

var garbage []byte
