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

// A clamd that is stopped gives no sign of life, and is noticed long before the
// scan's own time is over.
func TestHungEngineIsNoticed(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{PulseWait: 100 * time.Millisecond}), testSet(t)
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
		t.Errorf("Scan() after it = %+v, %v", got, err)
	}
	if !gone(pid) {
		t.Errorf("the hung engine %d is still there", pid)
	}
}

// A long scan is no hang: clamd answers PINGs meanwhile, with all its threads
// for scans in use.
func TestLongScanIsNoHang(t *testing.T) {
	t.Parallel()
	const wait = 150 * time.Millisecond // a busy machine answers late, but not three times
	e := engine(t, Config{PulseWait: wait, Threads: 1})
	f := onDisk(t, members(t, 29000))
	began := time.Now()
	got := scanned(t, e, f)
	if took := time.Since(began); took < 2*pulseMisses*wait {
		t.Fatalf("the scan took only %s, too little to miss %d PINGs of %s", took, pulseMisses, wait)
	}
	if got.Outcome != Clean {
		t.Errorf("Scan() = %+v", got)
	}
}

// A scan that goes on for ever in a process that lives is a matter of its time.
func TestEndlessScanIsNoHang(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{Clamd: fake(t, "hangs"), PulseWait: 5 * time.Millisecond})
	got, err := e.Scan(within(t, 500*time.Millisecond), onDisk(t, eicar.Bytes()))
	noVerdict(t, got, err)
	if errors.Is(err, ErrEngineDied) {
		t.Errorf("Scan() error = %v", err)
	}
}

// members is a zip of n stored members, all of them different.
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
