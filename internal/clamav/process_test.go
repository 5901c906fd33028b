package clamav

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEngineDiesWithItsParent kills a process that holds an engine, in the one
// way that leaves it no time for anything, and wants clamd gone.
func TestEngineDiesWithItsParent(t *testing.T) {
	t.Parallel()
	const mark = "LAZARET_TEST_PARENT"
	if os.Getenv(mark) != "" {
		e := engine(t, Config{})
		fmt.Println("pid", e.proc.cmd.Process.Pid)
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if n, err := fmt.Sscanf(lines.Text(), "pid %d", &pid); n == 0 && err != nil {
			t.Log(lines.Text())
		}
	}
	if pid == 0 {
		t.Fatal("the parent started no engine")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// A pidfd can be read once its process has ended.
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 60_000)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("clamd %d outlived its parent: %d, %v", pid, n, err)
		}
		break
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Errorf("the parent ended with %v, want it killed", err)
	}
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	// A stopped process does not see SIGTERM.
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
		t.Error("Stop() did not return")
	}
}

func TestNoCoreIsDumped(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", e.proc.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if strings.HasPrefix(line, "Max core file size") && strings.Fields(line)[4] != "0" {
			t.Errorf("clamd may dump a core: %s", line)
		}
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
		t.Errorf("tail() = %q", tail)
	}
	if want := "LibClamAV Warning: cli_unzip: failed to write 8192 inflated bytes"; o.faulty() != want {
		t.Errorf("faulty() = %q, want %q", o.faulty(), want)
	}
}

// TestComplaint has lines that clamd 1.4.6 was seen to print.
func TestComplaint(t *testing.T) {
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
		if complaint(line) != want {
			t.Errorf("complaint(%q) = %t", line, !want)
		}
	}
}
