package clamav

import (
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
)

// BenchmarkScan shows what our checks add to the bare question: compare asked
// with engine and supervised.
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
	b.Run("proof", func(b *testing.B) {
		for b.Loop() {
			if err := e.Prove(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstVerdict is a cold start with the test set, from exec to a
// finding, canaries included.
func BenchmarkFirstVerdict(b *testing.B) {
	g := testSet(b)
	f := onDisk(b, eicar.Bytes())
	for b.Loop() {
		s := NewSupervisor(Config{RunDir: b.TempDir()})
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
