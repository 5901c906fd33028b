//go:build images

package images_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/mirror"
)

// trusting returns options of docker run with which freshclam uses copies of its libraries that trust the keys of
// mirror.
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
	if len(libraries) == 0 {
		t.Fatal("got no library of freshclam, want libclamav and libfreshclam")
	}
	if err := mirror.Trust(libraries...); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"-v", dir + ":/trust:ro", "--env", "LD_LIBRARY_PATH=/trust"}
}

// TestFreshclam: freshclam downloads a first set of definitions from a mirror on loopback, publishes it and removes an
// old work file of scan's user. Then scan uses the published definitions. Both run as the users that EFS would give
// them.
func TestFreshclam(t *testing.T) {
	t.Parallel()
	server := mirror.New()
	defer server.Close()
	server.Offer(mirror.Set(27800, time.Now().Add(-time.Hour).UTC().Truncate(time.Minute), "lazaretword")...)

	volume := newVolume(t)
	j := fetched(t, volume, "eicar", eicar.Bytes())
	fetched(t, volume, "forgotten", []byte("of an execution long gone\n"))
	old := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(volume, "work", "forgotten"), old, old); err != nil {
		t.Fatal(err)
	}
	asOnEFS(t, volume)
	trust := trusting(t)
	invoke := start(t, function{
		image: freshclamImage, user: "1001:1000", volume: volume, options: append(trust, "--group-add", "1001"),
		env: map[string]string{"DATABASE_MIRROR": server.URL},
	})
	status := answer[update.Status](t, invoke(map[string]string{}))
	if !status.Published || status.Current == nil || status.Current.Version != 27800 ||
		status.Swept != 1 || len(status.Warnings) > 0 {
		t.Errorf("got status %+v, want version 27800 published, one work file removed, no warning", status)
	}
	if asked := fmt.Sprint(server.Requests()); !strings.Contains(asked, "GET daily.cvd") {
		t.Errorf("got requests %s, want GET daily.cvd", asked)
	}
	scanner := start(t, function{image: scanImage, user: "1000:1000", volume: volume, options: trust})
	scan := answer[job.Job](t, scanner(j)).Scan
	if scan.Verdict != job.Infected || scan.Definitions.Version != 27800 {
		t.Errorf("EICAR: got %s by %+v, want %s by version 27800", scan.Verdict, scan.Definitions, job.Infected)
	}
}

// TestFreshclamWithoutMirror: without a mirror nothing is published, and the status says why.
func TestFreshclamWithoutMirror(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	asOnEFS(t, volume)
	invoke := start(t, function{
		image: freshclamImage, user: "1001:1000", volume: volume, options: []string{"--group-add", "1001"},
		env: map[string]string{"DATABASE_MIRROR": "http://127.0.0.1:9"}, // nothing listens there
	})
	status := answer[update.Status](t, invoke(map[string]string{}))
	if status.Published || status.Current != nil || status.Outcome == "" || status.Detail == "" {
		t.Errorf("got status %+v, want nothing published, an outcome and its detail", status)
	}
	t.Logf("%s: %s", status.Outcome, status.Detail)
}
