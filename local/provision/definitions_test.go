package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/template"
)

// scanning returns the functions of an application with one function, which scans.
func scanning() []template.Function {
	return []template.Function{{
		Name: "st-scan", Short: "scan",
		Environment: map[string]string{definitionsDir: "/mnt/lazaret/definitions"},
		Mounts:      []template.Mount{{Path: "/mnt/lazaret", Root: "/lazaret"}},
	}}
}

func TestFind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "clamd")
	if _, err := find("no-such-program", path); err == nil || !strings.Contains(err.Error(), "find no-such-program") {
		t.Errorf("without the program: got error %v", err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := find("no-such-program", path); got != path || err != nil {
		t.Errorf("got %q and error %v, want %q", got, err, path)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	volume, temp := t.TempDir(), t.TempDir()
	load := func(source string) (definitions.Generation, error) {
		return Source{Definitions: source}.Publish(t.Context(), scanning(), volume, temp)
	}
	own := t.TempDir()
	if err := definitions.WriteTest(own); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "own.ndb"), []byte("Own:0:*:41424344\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	publish := func(source string) definitions.Generation {
		t.Helper()
		g, err := load(source)
		if err != nil {
			t.Fatalf("publish %s: %v", source, err)
		}
		return g
	}
	if g := publish(None); g.Dir != "" {
		t.Errorf("without definitions there is %+v", g)
	}
	test, folder := publish(Test), publish(own)
	if test.Fingerprint == folder.Fingerprint {
		t.Errorf("the folder's definitions are the test definitions")
	}
	if g := publish(None); g != folder {
		t.Errorf("published nothing and have %+v, want what was there: %+v", g, folder)
	}
	current, err := definitions.Open(filepath.Join(volume, "lazaret", "definitions")).Current()
	if err != nil || current != folder {
		t.Errorf("scan sees %+v, error %v, want %+v", current, err, folder)
	}
	if err := os.Remove(filepath.Join(own, "eicar.ndb")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(own); !errors.Is(err, clamav.ErrCanary) || !strings.Contains(err.Error(), "signature of EICAR") {
		t.Errorf("a folder without EICAR: %v", err)
	}
	if _, err := load(filepath.Join(own, "nope")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
