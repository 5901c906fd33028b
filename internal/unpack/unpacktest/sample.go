package unpacktest

import (
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/internal/unpack"
)

// Sample is one file, and the verdict that it must get.
type Sample struct {
	Name    string
	Content []byte
	Want    string // Clean, Infected, or a reason of package job
	// Engine says that only clamd can give the verdict: this package neither opens nor
	// refuses the file. Without clamd the sample is skipped.
	Engine bool
}

// Try checks samples with Marker, and where tests may need clamd (package need) a
// second time with clamd. Main compares what clamd alone says about them with the
// list in testdata.
func Try(t *testing.T, formats unpack.Formats, samples []Sample) {
	t.Helper()
	c := unpack.Checker{Formats: formats}
	names := map[string]bool{}
	for _, s := range samples {
		if names[s.Name] {
			t.Fatalf("two samples are called %q", s.Name)
		}
		names[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if !s.Engine {
				got := Check(t, c, s.Content, Marker)
				if v := Verdict(got); v != s.Want {
					t.Errorf("with an engine that opens nothing: got %q (%s), want %q", v, got.Detail, s.Want)
				}
			}
			if s.Engine || need.All() {
				s.tryClamd(t, c)
			}
		})
	}
}

func (s Sample) tryClamd(t *testing.T, c unpack.Checker) {
	t.Helper()
	if err := clamd.start(need.Clamd(t)); err != nil {
		t.Fatal(err)
	}
	alone := clamd.alone(t, s.Content)
	got := Check(t, c, s.Content, clamd.ask)
	v := Verdict(got)
	clamd.counts.add(s, alone, v)
	if v != s.Want {
		t.Errorf("with clamd: got %q (%s), want %q", v, got.Detail, s.Want)
	}
}

// Pair is a container around EICAR, which must be found, and around harmless text,
// which must be clean.
func Pair(name string, build func(content []byte) []byte) []Sample {
	return []Sample{
		{Name: name, Content: build(Pages(600)), Want: Clean},
		{Name: name + ", infected", Content: build(Eicar()), Want: Infected},
	}
}
