package clamav

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadyWaitsForTheSocket has a clamd that binds its socket some time before it allows connections,
// as the real one does for users other than root.
func TestReadyWaitsForTheSocket(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Log("root may connect whatever the mode is: see TestNotYet")
	}
	e, err := Start(Config{Clamd: fake(t, "late-mode"), RunDir: t.TempDir()}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestNotYet(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		unix.ENOENT: true, unix.ECONNREFUSED: true, unix.EACCES: true, unix.EPERM: false, unix.EMFILE: false, nil: false,
	} {
		if got := notYet(err); got != want {
			t.Errorf("notYet(%v) = %t, want %t", err, got, want)
		}
	}
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	// A stopped process does not react to SIGTERM.
	if err := syscall.Kill(e.proc.cmd.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Stop() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(termGrace + killGrace):
		t.Error("Stop() has not returned, want it to")
	}
}

func TestOutputKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	o := &output{}
	o.keep("fir")
	o.keep("st\nLibClamAV Warning: cli_unzip: failed to write 8192 inflated bytes\n")
	for i := range tailLines {
		o.keep(fmt.Sprintf("line %d\n", i))
	}
	o.keep(strings.Repeat("x", 10*lineMax))
	o.keep("y\nend\n")
	tail := strings.Split(o.tail(), "; ")
	if len(tail) != tailLines || tail[len(tail)-1] != "end" || len(tail[len(tail)-2]) != lineMax {
		t.Errorf("tail() = %q, want the last lines, the longest one cut", tail)
	}
	if want := "LibClamAV Warning: cli_unzip: failed to write 8192 inflated bytes"; o.firstFault() != want {
		t.Errorf("firstFault() = %q, want %q", o.firstFault(), want)
	}
}

// TestIsFault has lines that clamd 1.4.6 has printed.
func TestIsFault(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"LibClamAV Error: Can't create temporary directory for scan: /tmp/x.":                             true,
		"LibClamAV Error: cli_writen: write error: No space left on device":                               true,
		"LibClamAV Error: fileblobAddData: Can't write 57 bytes to temporary file x.bin":                  true,
		"LibClamAV Error: cli_scanxz: Can't generate temporary file.":                                     true,
		"LibClamAV Error: pdf_decodestream_internal: failed to write decoded stream content to output":    true,
		"LibClamAV Warning: cli_unzip: failed to create temporary file /tmp/x":                            true,
		"LibClamAV Error: fmap_readpage: pread error: Bad file descriptor":                                true,
		"LibClamAV Warning: cli_scanxz: decompress file size exceeds limits - only scanning 415204 bytes": false,
		"/tmp/LibClamAV Error: Can't write: Eicar FOUND":                                                  false,
		"Can't write": false,
		"":            false,
	} {
		if isFault(line) != want {
			t.Errorf("isFault(%q) = %t", line, !want)
		}
	}
}
