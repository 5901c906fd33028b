package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// broken is the application of this repository with a dispatch that ends at once.
func broken(t *testing.T) (template string) {
	t.Helper()
	root := need.Programs(t)
	dir := t.TempDir()
	entries, err := filepath.Glob(filepath.Join(root, "build", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"template.yaml", "infra", "statemachine"} {
		entries = append(entries, filepath.Join(root, name))
	}
	for _, entry := range entries {
		name, err := filepath.Rel(root, entry)
		if err == nil && name != "build/dispatch" {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil && name != "build/dispatch" {
			err = os.Symlink(entry, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "build", "dispatch"), 0o755); err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(dir, "build", "dispatch", "bootstrap"), []byte("#!/bin/sh\nexit 7\n"), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "template.yaml")
}

// said waits until the machine has printed a text.
func said(t *testing.T, m *harness.Machine, text string) {
	t.Helper()
	harness.Poll(t, "the line "+text, func() bool { return strings.Contains(m.Output.String(), text) })
}

func health(t *testing.T, m *harness.Machine) (code int, body string) {
	t.Helper()
	answer, err := http.Get(m.Endpoint + "/_lazaret/health")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Nobody is left waiting for nothing: a dispatch that fails is seen in the
// stack's terminal, by its health, and by who asks for a scan.
func TestOutageIsSeen(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--template", broken(t))
	o := m.Put(t, "waits.txt", sample.Text("waits"))
	said(t, m, "FAILED                 dispatch  Runtime.ExitError")
	code, body := health(t, m)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "Runtime.ExitError") {
		t.Errorf("health is %d %s", code, body)
	}
	expect(t, m, exitNoVerdict, []string{
		"nothing has started the execution for ",
		"lazaret-uploads: ",
		"lazaret-dispatch reads lazaret-uploads: Enabled",
		"lazaret-dispatch logged at ",
		"error: Runtime.ExitError",
		"dispatch has not started",
	}, "scan", "--timeout", "8s", "s3://"+o.Bucket+"/"+o.Key)
}

func TestVerdictsAreShown(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--time-scale", "10")
	quiet := harness.Start(t, "--quiet")
	for _, m := range []*harness.Machine{m, quiet} {
		m.Await(t, m.Put(t, "a b.txt", sample.Text("clean")))
	}
	infected := m.Put(t, "infected.com", eicar.Bytes())
	m.Await(t, infected)
	m.Await(t, m.Put(t, "ten tags", sample.Text("ten"), harness.WithTags("a=&b=&c=&d=&e=&f=&g=&h=&i=&j=")))
	said(t, m, "CLEAN")
	said(t, m, "'s3://"+harness.Uploads+"/a b.txt?versionId=")
	said(t, m, "moved to 's3://"+harness.Quarantine+"/"+infected.QuarantineKey())
	said(t, m, "NO VERDICT")
	said(t, m, "TagLimit: ")
	if strings.ContainsRune(m.Output.String(), '\x1b') {
		t.Errorf("there are colours in a pipe:\n%s", m.Output)
	}
	if strings.Contains(quiet.Output.String(), "CLEAN") {
		t.Errorf("--quiet prints verdicts:\n%s", quiet.Output)
	}
	if code, body := health(t, m); code != http.StatusOK || !strings.Contains(body, `"INFECTED":1`) {
		t.Errorf("health is %d %s", code, body)
	}
}
