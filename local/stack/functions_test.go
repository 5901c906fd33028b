package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/template"
)

func TestCheckPrograms(t *testing.T) {
	t.Parallel()
	folder := programs(t.TempDir())
	functions := []template.Function{{Name: "st-scan", Short: "scan"}}
	if err := folder.check(functions); err == nil || !strings.Contains(err.Error(), "st-scan (run make build)") {
		t.Errorf("without the program: got error %v, want one that names the function", err)
	}
	path := filepath.Join(string(folder), "scan", "bootstrap")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := folder.check(functions); err != nil {
		t.Error(err)
	}
}
