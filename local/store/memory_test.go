package store

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// TestMemory reads and writes many times what the process may keep.
func TestMemory(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	s.memory.last.Store(math.MaxInt64) // as if no second passed
	value := bytes.Repeat([]byte("v"), 1<<20)
	for i := range 128 {
		if err := put(s, fmt.Sprint(i), value); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 128 {
		get(t, s, fmt.Sprint(i))
	}
	if got := mapped(t); got < 100<<10 {
		t.Fatalf("%d KiB of mapped files are in memory: the test proves nothing", got)
	}
	s.memory.last.Store(0) // as if a second had passed
	get(t, s, "0")
	if got := mapped(t); got > 50<<10 {
		t.Errorf("%d KiB of mapped files are in memory, want less than 50 MiB", got)
	}
}

// mapped is how many KiB of mapped files the system counts as the process's. It counts a file of a file system in
// memory (tmpfs) as shared memory.
func mapped(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"RssFile:", "RssShmem:"} {
		_, after, _ := strings.Cut(string(status), name)
		var part int
		if _, err := fmt.Sscan(after, &part); err != nil {
			t.Fatalf("read %s of this process: %v", name, err)
		}
		kib += part
	}
	return kib
}
