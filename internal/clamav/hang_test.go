package clamav

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
)

// TestHungEngine checks that a stopped clamd is noticed long before the scan's time is over.
func TestHungEngine(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{PingInterval: 100 * time.Millisecond}), testSet(t)
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	pid := s.pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes()))
	noVerdict(t, got, err)
	if !errors.Is(err, ErrEngineDied) || !strings.Contains(err.Error(), "clamd hangs") {
		t.Errorf("Scan() error = %v, want ErrEngineDied that says it hangs", err)
	}
	if got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())); err != nil || got.Outcome != Found {
		t.Errorf("Scan() after it = %+v, %v, want found", got, err)
	}
	if !gone(pid) {
		t.Errorf("the hung engine %d is still there, want it killed", pid)
	}
}

// TestLongScan checks that clamd answers PINGs during a long scan, with all its threads for scans in
// use.
func TestLongScan(t *testing.T) {
	t.Parallel()
	const wait = 150 * time.Millisecond // on a busy machine one PING may be late, but not three
	e := engine(t, Config{PingInterval: wait, Threads: 1})
	f := onDisk(t, members(t, 29000))
	began := time.Now()
	got := scanned(t, e, f)
	if took := time.Since(began); took < 2*maxMissedPings*wait {
		t.Fatalf("the scan took %s, want longer than %d PINGs of %s", took, maxMissedPings, wait)
	}
	if got.Outcome != Clean {
		t.Errorf("Scan() = %+v, want clean", got)
	}
}

// TestEndlessScan checks that a scan without end in a running process ends with its time, and does not
// count as a crash.
func TestEndlessScan(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{Clamd: fake(t, "hangs"), PingInterval: 5 * time.Millisecond})
	got, err := e.Scan(within(t, 500*time.Millisecond), onDisk(t, eicar.Bytes()))
	noVerdict(t, got, err)
	if errors.Is(err, ErrEngineDied) {
		t.Errorf("Scan() error = %v, want no ErrEngineDied", err)
	}
}

// members returns a zip of n different stored members.
func members(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d.txt", i), Method: zip.Store})
		if err == nil {
			_, err = fmt.Fprintf(f, "member %d\n", i)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
