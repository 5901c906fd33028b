package definitions

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain makes the test binary the publisher that TestCrash kills.
func TestMain(m *testing.M) {
	if root := os.Getenv("LAZARET_TEST_PUBLISH"); root != "" {
		publishForEver(root, strings.Split(os.Getenv("LAZARET_TEST_SETS"), ":"))
	}
	os.Exit(m.Run())
}

// publishForEver publishes until its parent's pipe is closed or it is killed.
func publishForEver(root string, sets []string) {
	s := Open(root)
	for i := 0; ; i++ {
		g, err := s.Publish(context.Background(), sets[i%len(sets)])
		if err == nil {
			_, err = os.Stdout.WriteString(g.Fingerprint + "\n")
		}
		var h Held
		if err == nil {
			h, err = s.Hold(context.Background(), sets[(i+1)%len(sets)], []Detection{{Signature: "S", File: "f"}})
		}
		if err == nil {
			err = s.prune(time.Now().Add(2 * minAge))
		}
		if err == nil && i%2 == 0 {
			_, err = s.PublishHeld(h.Generation.Fingerprint)
		}
		if err != nil {
			os.Stdout.WriteString("error: " + err.Error() + "\n")
			os.Exit(1)
		}
	}
}

// TestCrash kills a publisher again and again at some point of its work. Each time current must be a
// complete generation, and the one that is held back too.
func TestCrash(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := Open(root)
	var sets []string
	for _, c := range []string{"a", "b", "c", "d"} {
		// Large enough to be killed during a copy.
		sets = append(
			sets,
			stage(t, map[string]string{"one.ndb": strings.Repeat(c, 1<<20), "two.ndb": strings.Repeat(c, 1<<18)}),
		)
	}
	for round := range 25 {
		killPublisher(t, root, sets, round)
		g, err := s.Current()
		if err != nil {
			t.Fatalf("round %d: current: %v, want no error", round, err)
		}
		if got, err := Inspect(t.Context(), g.Dir); err != nil || got.Fingerprint != g.Fingerprint {
			t.Fatalf("round %d: current %s is %+v, %v, want a complete generation", round, g.Fingerprint, got, err)
		}
		h, err := s.Held()
		if errors.Is(err, ErrNone) {
			continue
		}
		got, inspectErr := Inspect(t.Context(), h.Generation.Dir)
		if err != nil || inspectErr != nil || got.Fingerprint != h.Generation.Fingerprint {
			t.Fatalf(
				"round %d: held back is %+v, %v, and looks like %+v, %v, want a complete generation",
				round,
				h,
				err,
				got,
				inspectErr,
			)
		}
	}
}

func killPublisher(t *testing.T, root string, sets []string, round int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAZARET_TEST_PUBLISH="+root, "LAZARET_TEST_SETS="+strings.Join(sets, ":"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 1 + round%3 {
		if !lines.Scan() || strings.HasPrefix(lines.Text(), "error") {
			t.Errorf("round %d: publisher said %q, want a generation", round, lines.Text())
		}
	}
	// Each round kills the publisher at another point of the next publication.
	time.Sleep(time.Duration(round) * 300 * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("publisher ended with %v, want it killed", err)
	}
}
