package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMain is a program of its own for the tests of faults.
func TestMain(m *testing.M) {
	programs := map[string]func(dir string) error{"write": writeUntilKilled, "fill": fillAndMakeRoom}
	program := programs[os.Getenv("STORE_PROGRAM")]
	if program == nil {
		os.Exit(m.Run())
	}
	if err := program(os.Getenv("STORE_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func program(t *testing.T, name, dir string, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	if len(command) > 0 {
		cmd = exec.CommandContext(t.Context(), command[0], command[1:]...)
	}
	cmd.Env = append(os.Environ(), "STORE_PROGRAM="+name, "STORE_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeUntilKilled says each number that is committed.
func writeUntilKilled(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	for i := range 1_000_000 {
		if err := put(s, fmt.Sprint(i), bytes.Repeat([]byte("v"), i%10_000)); err != nil {
			return err
		}
		fmt.Println(i)
	}
	return errors.New("nobody killed it")
}

func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	for round := range 5 {
		cmd := program(t, "write", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last, lines := -1, bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if last == 37*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s := open(t, dir)
		for i := range last + 1 {
			if got := len(get(t, s, fmt.Sprint(i))); got != i%10_000 {
				t.Errorf("round %d: value %d has %d bytes after a kill, want %d", round, i, got, i%10_000)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fillAndMakeRoom runs on a small disk of its own.
func fillAndMakeRoom(dir string) error {
	room := filepath.Join(dir, "room")
	if err := os.WriteFile(room, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	s, err := Open(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	stored := 0
	for ; err == nil && stored < 1000; stored++ {
		err = put(s, fmt.Sprint(stored), make([]byte, 20_000))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("on a full disk: %w, want %w", err, syscall.ENOSPC)
	}
	stored--
	if err := os.Remove(room); err != nil {
		return err
	}
	for range 10 {
		if err := put(s, fmt.Sprint(stored), make([]byte, 20_000)); err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
		stored++
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(filepath.Join(dir, "store")); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	if err := s.db.View(checkAfterCrash); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	t := new(testing.T)
	for i := range stored {
		if got := len(get(t, s, fmt.Sprint(i))); got != 20_000 {
			return fmt.Errorf("value %d has %d bytes after a full disk", i, got)
		}
	}
	return s.Close()
}

func TestFullDisk(t *testing.T) {
	mount := `mount --make-rprivate / && mount -t tmpfs -o size=8m none "$STORE_DIR" && exec "$0"`
	cmd := program(t, "fill", t.TempDir(), "/bin/sh", "-c", mount, os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.Output(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
