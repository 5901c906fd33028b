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

// TestMain lets the test binary be the publisher that TestCrash kills.
func TestMain(m *testing.M) {
	if root := os.Getenv("LAZARET_TEST_PUBLISH"); root != "" {
		publishForEver(root, strings.Split(os.Getenv("LAZARET_TEST_SETS"), ":"))
	}
	os.Exit(m.Run())
}

// publishForEver ends with its parent's pipe, or when it is killed.
func publishForEver(root string, sets []string) {
	s := Open(root)
	for i := 0; ; i++ {
		g, err := s.Publish(context.Background(), sets[i%len(sets)])
		if err == nil {
			_, err = os.Stdout.WriteString(g.Fingerprint + "\n")
		}
		if err == nil {
			err = s.prune(time.Now().Add(2 * keepFor))
		}
		if err != nil {
			os.Stdout.WriteString("error: " + err.Error() + "\n")
			os.Exit(1)
		}
	}
}

// TestCrash kills a publisher at some point of its work, over and over, and
// wants current to be a complete set each time.
func TestCrash(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := Open(root)
	var sets []string
	for _, c := range []string{"a", "b", "c", "d"} {
		// Large enough to be caught in the middle of a copy.
		sets = append(sets, stage(t, map[string]string{"one.ndb": strings.Repeat(c, 1<<20), "two.ndb": strings.Repeat(c, 1<<18)}))
	}
	for round := range 25 {
		killPublisher(t, root, sets, round)
		g, err := s.Current()
		if err != nil {
			t.Fatalf("round %d: current: %v", round, err)
		}
		if got, err := Inspect(t.Context(), g.Dir); err != nil || got.Fingerprint != g.Fingerprint {
			t.Fatalf("round %d: current %s is %+v, %v", round, g.Fingerprint, got, err)
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
			t.Errorf("round %d: publisher said %q", round, lines.Text())
		}
	}
	// A different point of the next publication in each round.
	time.Sleep(time.Duration(round) * 300 * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("publisher ended with %v, want it killed", err)
	}
}
