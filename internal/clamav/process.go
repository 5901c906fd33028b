package clamav

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/excerpt"
)

const (
	// termGrace is how long an idle clamd may take to end by itself. It has nothing to save. During a scan
	// it would take 10 s.
	termGrace = 500 * time.Millisecond
	// killGrace is how long the kernel may take to end a killed process. It has to unmap a gigabyte, and
	// may have to wait for a network file system.
	killGrace = 10 * time.Second
)

// process is one running clamd.
type process struct {
	cmd    *exec.Cmd
	out    *output
	exited chan struct{} // closed when the process is gone
	state  error         // how it ended; valid once exited is closed
}

// startProcess runs clamd in dir as an ordinary child process. Lambda refuses prctl, so that clamd
// cannot be made to end with its parent (Pdeathsig); Lambda and the local stack end all processes of
// an environment.
func startProcess(binary, dir, conf string) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open pipe for clamd: %w", err)
	}
	cmd := exec.Command(binary, "--config-file="+conf)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = w, w
	p := &process{cmd: cmd, out: &output{r: r, done: make(chan struct{})}, exited: make(chan struct{})}

	err = cmd.Start()
	w.Close() // the child has its own copy; with this one open, the output would never end
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start clamd: %w", err)
	}
	go func() {
		p.state = cmd.Wait()
		close(p.exited)
	}()
	go p.out.readAll()
	return p, nil
}

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// exitedWithin waits until the process has ended, at most for d, and reports whether it has. The end
// of a process is known shortly after its connections are closed.
func (p *process) exitedWithin(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-p.exited:
		return true
	case <-ctx.Done():
		return !p.alive()
	}
}

// exitError returns an error with the exit status and the last lines of output. The process must have
// ended.
func (p *process) exitError() error {
	select {
	case <-p.out.done:
	case <-time.After(time.Second): // another process inherited its end of the pipe
	}
	how := "exit status 0"
	if p.state != nil {
		how = p.state.Error()
	}
	return fmt.Errorf("clamd ended (%s), last lines: %s", how, p.out.tail())
}

// ready waits until clamd answers a PING. clamd creates its socket only after it has loaded the
// definitions.
func (p *process) ready(ctx context.Context, c client) error {
	wait := time.Millisecond
	for {
		raw, err := c.ask(ctx, "PING", nil)
		if err == nil && string(raw) == "PONG\x00" {
			return nil
		}
		if err == nil {
			return fmt.Errorf("send PING: unknown reply %q", excerpt.Cut(string(raw), quoteLimit))
		}
		if !notYet(err) && ctx.Err() == nil && p.alive() {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-p.exited:
			t.Stop()
			return p.exitError()
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("wait for clamd to load: %w", context.Cause(ctx))
		case <-t.C:
			// Test definitions load in milliseconds, the official ones in 8 to 20 s.
			wait = min(wait+wait/8+1, 20*time.Millisecond)
		}
	}
}

// notYet reports whether err means that clamd has not created its socket yet. clamd changes the
// socket's mode after it has bound it (LocalSocketMode); in between, only root may connect.
func notYet(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EACCES)
}

// stop ends the process and waits until it has ended. If grace is not 0, it sends SIGTERM first. The
// error says that the process could not be ended.
func (p *process) stop(grace time.Duration) error {
	if grace > 0 && p.alive() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if p.exitedWithin(context.Background(), grace) {
			return nil
		}
	}
	p.kill()
	if !p.exitedWithin(context.Background(), killGrace) {
		return fmt.Errorf("clamd %d did not end %s after it was killed", p.cmd.Process.Pid, killGrace)
	}
	return nil
}

// kill sends SIGKILL and does not wait. It is no error if the process has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
}
