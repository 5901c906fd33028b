package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/local/sample"
)

// A signal ends the machine within five seconds, with code 0 and all of its
// processes, whether it is idle or in the middle of something; a kill leaves no
// process either.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGKILL} {
		for _, flags := range [][]string{nil, {"--freeze"}} {
			t.Run(fmt.Sprint(signal, flags), func(t *testing.T) {
				t.Parallel()
				m := Start(t, flags...)
				m.Await(t, m.Put(t, "first", sample.Text("first")))
				scanner := m.Processes()
				if len(scanner) < 5 { // dispatch, fetch, scan, clamd, tag
					t.Errorf("only these processes run: %v", scanner)
				}
				for i := range 20 {
					m.Put(t, fmt.Sprintf("under way %d", i), sample.Filler(1<<20))
				}
				if err := m.End(signal); err != nil {
					t.Error(err)
				}
				discard(t, m)
			})
		}
	}
}

// discard removes what a machine that was ended in the middle left on the
// volume, which its own end could not.
func discard(t *testing.T, m *Machine) {
	t.Helper()
	for _, name := range m.WorkFiles() {
		if err := os.Remove(filepath.Join(m.Data, "volume", "lazaret", "work", name)); err != nil {
			t.Error(err)
		}
	}
}

// Without --data everything is in a temporary folder, which goes with the
// machine.
func TestTemporaryData(t *testing.T) {
	t.Parallel()
	cmd, err := Command("local", "--port", "0")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	m, err := launch(cmd, temp)
	if err != nil {
		t.Fatal(err)
	}
	m.Await(t, m.Put(t, "kept for now", sample.Text("kept for now")))
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}
