package step

import (
	"runtime"
	"testing"
)

// TestUseCores changes the process, so that it does not run in parallel.
func TestUseCores(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for _, tt := range []struct {
		name, memory, set string
		want              int
	}{
		{name: "a small function", memory: "256", want: 1},
		{name: "one core", memory: "1769", want: 1},
		{name: "more than one", memory: "1770", want: 2},
		{name: "more than there are", memory: "10240", want: 4},
		{name: "not on Lambda", want: 4},
		{name: "no number", memory: "much", want: 4},
		{name: "an operator's choice", memory: "256", set: "3", want: 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runtime.GOMAXPROCS(4)
			t.Setenv("GOMAXPROCS", tt.set)
			if useCores(tt.memory); runtime.GOMAXPROCS(0) != tt.want {
				t.Errorf("useCores(%q): Go uses %d cores, want %d", tt.memory, runtime.GOMAXPROCS(0), tt.want)
			}
		})
	}
}
