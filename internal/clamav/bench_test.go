package clamav

import (
	"crypto/sha256"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// BenchmarkScan measures what the checks add to the question: compare asked with engine and
// supervised.
func BenchmarkScan(b *testing.B) {
	e := engine(b, Config{})
	s, g := supervisor(b, Config{}), testSet(b)
	f := onDisk(b, eicar.Bytes())
	b.Run("asked", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.client.ask(b.Context(), "FILDES", f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("engine", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Scan(b.Context(), f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("supervised", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Scan(b.Context(), g, f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		sum := Sum(sha256.Sum256([]byte("clean")))
		s.current().complete(Finding{Outcome: Clean}).Keep(sum)
		if err := s.current().Prove(b.Context()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, ok := s.Known(g, sum); !ok {
				b.Fatal("not known")
			}
		}
	})
	b.Run("proof", func(b *testing.B) {
		for b.Loop() {
			if err := e.Prove(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstVerdict measures a cold start with test definitions, from exec to a finding, with the
// canaries.
func BenchmarkFirstVerdict(b *testing.B) {
	g := testSet(b)
	f := onDisk(b, eicar.Bytes())
	for b.Loop() {
		s := NewSupervisor(Config{Clamd: need.Clamd(b), RunDir: b.TempDir()})
		if _, err := s.Scan(b.Context(), g, f); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
