package endtoend

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestSignals checks that a signal ends the machine and all its processes within five seconds and with code 0,
// whether it is idle or not. After SIGKILL no process is left either.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGKILL} {
		for _, flags := range [][]string{nil, {"--freeze"}} {
			t.Run(fmt.Sprint(signal, flags), func(t *testing.T) {
				t.Parallel()
				m := start(t, flags...)
				m.Await(t, m.Put(t, "first", sample.Text("first")))
				processes := m.Processes()
				if len(processes) < 5 {
					t.Errorf("got the processes %v, want dispatch, fetch, scan, clamd and tag at least", processes)
				}
				for i := range 20 {
					m.Put(t, fmt.Sprintf("under way %d", i), sample.Filler(1<<20))
				}
				if err := m.End(signal); err != nil {
					t.Error(err)
				}
				m.RemoveWorkFiles(t)
			})
		}
	}
}

// TestTemporaryData checks that without --data the data folder is a temporary one, which is removed at the end.
func TestTemporaryData(t *testing.T) {
	t.Parallel()
	need.OwnMachine(t)
	cmd := harness.Command(t, "local", "--port", "0")
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	m, err := harness.LaunchCommand(cmd, temp)
	if err != nil {
		t.Fatal(err)
	}
	m.Await(t, m.Put(t, "kept for now", sample.Text("kept for now")))
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("in the temporary folder: got %v, %v, want nothing", left, err)
	}
}
