package mirror

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestMain(m *testing.M) { Main(m) }

// TestSigned checks that signatures are verified: sigtool, which verifies as freshclam and clamd do,
// accepts a container and refuses it with one byte changed.
func TestSigned(t *testing.T) {
	t.Parallel()
	sigtool := need.Sigtool(t)
	whole := Set(1, time.Now(), "word")[1].CVD()
	changed := append([]byte{}, whole...)
	changed[len(changed)-20] ^= 1
	for name, tt := range map[string]struct {
		content []byte
		good    bool
	}{"whole": {whole, true}, "changed": {changed, false}} {
		path := filepath.Join(t.TempDir(), "daily.cvd")
		if err := os.WriteFile(path, tt.content, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(sigtool, "--info="+path).CombinedOutput()
		if (err == nil) != tt.good {
			t.Errorf("sigtool about the %s container: %v, want it accepted\n%s", name, err, out)
		}
	}
}

func TestForeignKeysAreRefused(t *testing.T) {
	t.Parallel()
	sigtool := need.Sigtool(t)
	path := filepath.Join(t.TempDir(), "daily.cvd")
	if err := os.WriteFile(path, Set(1, time.Now())[1].CVD(), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sigtool, "--info="+path)
	cmd.Env = []string{} // the installed library, with ClamAV's keys
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("sigtool with ClamAV's keys accepts the test's container, want it refused:\n%s", out)
	}
}
