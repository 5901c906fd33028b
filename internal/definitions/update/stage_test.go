package update

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/testing/mirror"
)

// TestSignFiles stages files as freshclam leaves them since ClamAV 1.5: a signature beside each
// container, named by the container and its version. Those of a container in the folder are part of
// the generation, and of the folder from which the next one is made.
func TestSignFiles(t *testing.T) {
	t.Parallel()
	stage := t.TempDir()
	set := mirror.Set(2, time.Now(), "lazaretword")
	for name, content := range map[string][]byte{
		"main.cvd": set[0].CVD(), "daily.cvd": set[1].CVD(),
		"main-62.cvd.sign": []byte("of main"), "daily-2.cvd.sign": []byte("of daily"),
		"daily-1.cvd.sign": []byte("of an older one"), "bytecode-335.cvd.sign": []byte("of none"),
		"x.sign":  []byte("of nothing"),
		"own.ndb": []byte(line),
	} {
		if err := os.WriteFile(filepath.Join(stage, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := finishStaging(stage); err != nil {
		t.Fatal(err)
	}
	g, err := definitions.Open(t.TempDir()).Publish(t.Context(), stage)
	if err != nil {
		t.Fatal(err)
	}
	if g.Version != 2 || g.Signatures != 4 {
		t.Errorf("the generation is %+v, want daily 2 with 4 signatures", g)
	}
	next, own := t.TempDir(), t.TempDir()
	if err := errors.Join(linkContainers(next, g), linkLooseFiles(own, g)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{
		next: {"daily-2.cvd.sign", "daily.cvd", "main-62.cvd.sign", "main.cvd"},
		own:  {"own.ndb"},
	} {
		if got := slices.Sorted(maps.Keys(content(t, dir))); !slices.Equal(got, want) {
			t.Errorf("linked are %q, want %q", got, want)
		}
	}
}
