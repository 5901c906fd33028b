//go:build images

package images

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/freshclam/mirrortest"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/refresh"
)

// trusting returns options of docker run that put copies of the image's own
// libraries before them, which trust the keys of mirrortest.
func trusting(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	id := docker(t, "create", freshclamImage)
	defer docker(t, "rm", id)
	var libraries []string
	for line := range strings.Lines(run(t, freshclamImage, nil, "ldd", "/usr/bin/freshclam")) {
		f := strings.Fields(line) // name => file (address)
		if len(f) > 2 && (strings.HasPrefix(f[0], "libclamav.so") || strings.HasPrefix(f[0], "libfreshclam.so")) {
			library := filepath.Join(dir, path.Base(f[0]))
			docker(t, "cp", "--follow-link", id+":"+f[2], library)
			libraries = append(libraries, library)
		}
	}
	if err := mirrortest.Trust(libraries...); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"-v", dir + ":/trust:ro", "--env", "LD_LIBRARY_PATH=/trust"}
}

// TestFreshclam downloads a first set from a mirror on loopback, publishes it and
// sweeps an old work file of scan's user, with the users that EFS would give
// both; scan then judges by what was published.
func TestFreshclam(t *testing.T) {
	t.Parallel()
	mirror := mirrortest.New()
	defer mirror.Close()
	mirror.Offer(mirrortest.Set(27800, time.Now().Add(-time.Hour).UTC().Truncate(time.Minute), "word")...)

	volume := newVolume(t)
	j := fetched(t, volume, "eicar", eicar.Bytes())
	fetched(t, volume, "forgotten", []byte("of an execution long gone\n"))
	old := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(volume, "work", "forgotten"), old, old); err != nil {
		t.Fatal(err)
	}
	asOnEFS(t, volume)
	trust := trusting(t)
	update := start(t, function{
		image: freshclamImage, user: "1001:1000", volume: volume, options: append(trust, "--group-add", "1001"),
		env: map[string]string{"DATABASE_MIRROR": mirror.URL},
	})
	status := answer[refresh.Status](t, update(map[string]string{}))
	if !status.Published || status.Current == nil || status.Current.Version != 27800 || status.Swept != 1 || len(status.Warnings) > 0 {
		t.Errorf("the update came to %+v", status)
	}
	if asked := fmt.Sprint(mirror.Requests()); !strings.Contains(asked, "GET daily.cvd") {
		t.Errorf("the mirror was asked for %s", asked)
	}
	scan := answer[job.Job](t, start(t, function{image: scanImage, user: "1000:1000", volume: volume, options: trust})(j)).Scan
	if scan.Verdict != job.Infected || scan.Definitions.Version != 27800 {
		t.Errorf("with what was published EICAR is %s by %+v", scan.Verdict, scan.Definitions)
	}
}

// TestFreshclamWithoutMirror: nothing is published, and the status says why.
func TestFreshclamWithoutMirror(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	asOnEFS(t, volume)
	update := start(t, function{
		image: freshclamImage, user: "1001:1000", volume: volume, options: []string{"--group-add", "1001"},
		env: map[string]string{"DATABASE_MIRROR": "http://127.0.0.1:9"}, // the discard port: nobody listens
	})
	status := answer[refresh.Status](t, update(map[string]string{}))
	if status.Published || status.Current != nil || status.Outcome == "" || status.Detail == "" {
		t.Errorf("the update came to %+v", status)
	}
	t.Logf("%s: %s", status.Outcome, status.Detail)
}
