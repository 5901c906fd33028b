// Package endtoend tests the whole application on this computer: uploads, faults, permissions and the local stack
// itself, through the endpoint of a running `lazaret local`.
package endtoend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// machine is a running local stack with the helpers of these tests.
type machine struct{ *harness.Machine }

// clients are the AWS clients of one principal with the helpers of these tests.
type clients struct{ harness.Clients }

// start starts a machine that ends with the test.
func start(t testing.TB, flags ...string) *machine {
	t.Helper()
	return &machine{Machine: harness.Start(t, flags...)}
}

// launch starts a machine that the test stops.
func launch(t testing.TB, data string, flags ...string) *machine {
	t.Helper()
	m, err := harness.Launch(t, data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{Machine: m}
}

// as returns the clients of another principal.
func (m *machine) as(accessKey string) clients { return clients{Clients: m.As(accessKey)} }

// user returns the clients of the person who started the machine.
func (m *machine) user() clients { return clients{Clients: m.Clients} }

// shared are the machines that tests share, by their values of BucketLayout and perhaps of Workflow, because a start
// takes a second and the first engine half a second more. A test that stops something, or that counts everything there
// is, starts its own machine.
var shared = map[string]*sharedMachine{"two-bucket": {}, "three-bucket": {}, expressLayout: {}}

const expressLayout = "three-bucket Workflow=EXPRESS"

type sharedMachine struct {
	once sync.Once
	*machine
}

func TestMain(m *testing.M) {
	code := m.Run()
	for name, s := range shared {
		if s.machine == nil {
			continue
		}
		err := errors.Join(s.WaitIdle(context.Background()), s.Stop()) // some tests do not wait for their uploads
		if err := errors.Join(err, os.RemoveAll(s.Data)); err != nil {
			fmt.Fprintf(os.Stderr, "the shared %s machine: %v\n", name, err)
			code = 1
		}
	}
	os.Exit(code)
}

// layout returns the shared machine of this name.
func layout(t *testing.T, name string) *machine {
	t.Helper()
	need.Programs(t) // skips each test, not only the first one
	s := shared[name]
	s.once.Do(func() {
		data, err := os.MkdirTemp("", "lazaret-machine-")
		if err != nil {
			t.Fatal(err)
		}
		m, err := harness.LaunchShared(t, data, "--time-scale", "10", "--parameter-overrides", "BucketLayout="+name)
		if err != nil {
			t.Fatal(err)
		}
		s.machine = &machine{Machine: m}
	})
	if s.machine == nil {
		t.Fatalf("the shared %s machine did not start", name)
	}
	return s.machine
}

// eachLayout runs a test on the STANDARD machine of each bucket layout.
func eachLayout(t *testing.T, test func(t *testing.T, m *machine, layout string)) {
	t.Parallel()
	eachShared(t, []string{"two-bucket", "three-bucket"}, test)
}

// eachLayoutAndLane runs it on a machine with Workflow=EXPRESS, too.
func eachLayoutAndLane(t *testing.T, test func(t *testing.T, m *machine, layout string)) {
	t.Parallel()
	eachShared(t, []string{"two-bucket", "three-bucket", expressLayout}, test)
}

func eachShared(t *testing.T, names []string, test func(t *testing.T, m *machine, layout string)) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucketLayout, _, _ := strings.Cut(name, " ")
			test(t, layout(t, name), bucketLayout)
		})
	}
}

// eachLane runs a test that starts its own machines with each value of the parameter Workflow, "Workflow=EXPRESS" and
// the like. Those tests have it whose outcome depends on what is between the queue and the state machine.
func eachLane(t *testing.T, test func(t *testing.T, workflow string)) {
	t.Parallel()
	for _, workflow := range []string{"Workflow=STANDARD", "Workflow=EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			test(t, workflow)
		})
	}
}
