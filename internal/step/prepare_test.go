package step

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPrepare changes the process, so that it does not run in parallel.
func TestPrepare(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, root string
		swept      bool
	}{{name: "on Lambda", root: "/var/task", swept: true}, {name: "elsewhere"}} {
		t.Run(tt.name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv("LAMBDA_TASK_ROOT", tt.root)
			if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: before.Max, Max: before.Max}); err != nil {
				t.Log(err) // an earlier run has lowered the hard limit, which only root can raise
			}
			left := filepath.Join(temp, "clamd-1")
			if err := os.Mkdir(left, 0o700); err != nil {
				t.Fatal(err)
			}
			prepareEnvironment()
			if _, err := os.Stat(left); os.IsNotExist(err) != tt.swept {
				t.Errorf("the folder of a crashed engine: %v, want it swept: %t", err, tt.swept)
			}
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
				t.Errorf("limit on cores is %+v, %v, want 0", limit, err)
			}
		})
	}
}
