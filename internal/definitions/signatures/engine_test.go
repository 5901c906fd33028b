package signatures_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestMain(m *testing.M) { mirror.Main(m) }

// TestNamesOfTheEngine checks that clamd reports a signature under the name that the list has for it.
func TestNamesOfTheEngine(t *testing.T) {
	t.Parallel()
	clamd := need.Clamd(t)
	const content = "a text that only this test has: lazaretsignature"
	pattern := hex.EncodeToString([]byte("lazaretsignature"))
	set := mirror.Set(1, time.Now().Add(-time.Hour), "lazaretsignature")
	for name, database := range map[string]string{
		"own.hdb":   fmt.Sprintf("%x:%d:Own.Hash\n", md5.Sum([]byte(content)), len(content)),
		"own.hsb":   fmt.Sprintf("%x:%d:Own.Hash-256\n", sha256.Sum256([]byte(content)), len(content)),
		"own.ndb":   "Own.Pattern-1:0:*:" + pattern + "\n",
		"own.ldb":   "Own.Logical;Engine:51-255,Target:0;0;" + pattern + "\n",
		"own.yara":  "rule own_rule { strings: $a = \"lazaretsignature\" condition: $a }\n",
		"own.db":    "Own.Old=" + pattern + "\n",
		"daily.cvd": string(set[1].CVD()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, dir := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "new")
			for _, folder := range []string{old, dir} {
				if err := definitions.WriteTest(folder); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(database), 0o644); err != nil {
				t.Fatal(err)
			}
			l, err := signatures.Compare(t.Context(), old, dir, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			found := scan(t, clamd, dir, content)
			if _, isNew := l.IsNew(found, time.Now()); !isNew {
				t.Errorf("clamd reports %q, and these are new: %q", found, l.Names)
			}
		})
	}
}

// scan returns the signature that an engine with the definitions in dir finds.
func scan(t *testing.T, clamd, dir, content string) string {
	t.Helper()
	e, err := clamav.Start(clamav.Config{Clamd: clamd, RunDir: t.TempDir()}, definitions.Generation{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	finding, err := e.Scan(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return finding.Signature
}
