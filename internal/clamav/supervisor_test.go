package clamav

import (
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
)

func TestSupervisorFindsEicar(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "db")
	if err := definitions.WriteTest(dir); err != nil {
		t.Fatal(err)
	}
	g, err := definitions.Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSupervisor(Config{RunDir: t.TempDir()})
	t.Cleanup(func() { s.Close() })
	f, err := memory(eicar.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := s.Scan(t.Context(), g, f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != Found || got.Signature != definitions.TestSignature {
		t.Errorf("Scan(EICAR) = %+v, want Found %s", got, definitions.TestSignature)
	}
}
