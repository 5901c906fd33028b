package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// shared are the machines that tests share, one for each layout, since starting
// one takes a second and a first engine another half. A test that stops
// something, or looks at everything that is there, starts its own.
var shared = map[string]*sharedMachine{"two-bucket": {}, "three-bucket": {}}

type sharedMachine struct {
	once sync.Once
	*Machine
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for layout, s := range shared {
		if s.Machine == nil {
			continue
		}
		err := errors.Join(s.finish(), s.Stop())
		if err := errors.Join(err, os.RemoveAll(s.Data)); err != nil {
			fmt.Fprintf(os.Stderr, "the %s machine of all tests: %v\n", layout, err)
			code = 1
		}
	}
	os.Exit(code)
}

// finish waits for the uploads that no test waited for.
func (m *Machine) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if idle, err := m.idle(ctx); err != nil || idle {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// layout returns the shared machine of a layout.
func layout(t *testing.T, name string) *Machine {
	t.Helper()
	s := shared[name]
	s.once.Do(func() {
		data, err := os.MkdirTemp("", "lazaret-machine-")
		if err == nil {
			s.Machine, err = Launch(data, "--time-scale", "10", "--parameter-overrides", "BucketLayout="+name)
		}
		s.err = err
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.Machine
}

// eachLayout runs a test on the shared machine of each layout.
func eachLayout(t *testing.T, test func(t *testing.T, m *Machine, layout string)) {
	t.Parallel()
	for name := range shared {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, layout(t, name), name)
		})
	}
}
