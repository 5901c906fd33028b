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
)

const (
	// termGrace is what an idle clamd needs to leave by itself. It has nothing
	// to save; one in the middle of a scan would take 10 s.
	termGrace = 500 * time.Millisecond
	// killGrace is how long the kernel may take to end a killed process, which
	// unmaps a gigabyte and may wait for a network file system.
	killGrace = 10 * time.Second
)

// process is one running clamd.
type process struct {
	cmd    *exec.Cmd
	out    *output
	exited chan struct{} // closed when the process is gone
	state  error         // how it ended; valid once exited is closed
}

// startProcess runs clamd in dir, as an ordinary child: Lambda refuses prctl, so
// the engine cannot be bound to our life (Pdeathsig). Whoever ends an environment,
// Lambda or the local stack, ends all of its processes.
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
	w.Close() // the child has its own; ours would hide the end of the output
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start clamd: %w", err)
	}
	go func() {
		p.state = cmd.Wait()
		close(p.exited)
	}()
	go p.out.watch()
	return p, nil
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// diedWithin waits for news of the process's end, which comes shortly after
// its connections were closed by it.
func (p *process) diedWithin(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-p.exited:
		return true
	case <-ctx.Done():
		return !p.alive()
	}
}

// obituary says how the process ended and what it said last. Call it only
// after its end.
func (p *process) obituary() error {
	select {
	case <-p.out.done:
	case <-time.After(time.Second): // somebody inherited its end of the pipe
	}
	how := "exit status 0"
	if p.state != nil {
		how = p.state.Error()
	}
	return fmt.Errorf("clamd ended (%s), last lines: %s", how, p.out.tail())
}

// ready waits until clamd answers a PING. It listens only once its definitions
// are loaded, so the socket's appearance is what is waited for.
func (p *process) ready(ctx context.Context, c client) error {
	wait := time.Millisecond
	for {
		raw, err := c.ask(ctx, "PING", nil)
		if err == nil && string(raw) == "PONG\x00" {
			return nil
		}
		if err == nil {
			return fmt.Errorf("PING: unknown reply %q", clip(string(raw)))
		}
		if !notYet(err) && ctx.Err() == nil && p.alive() {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-p.exited:
			t.Stop()
			return p.obituary()
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("wait for clamd to load: %w", context.Cause(ctx))
		case <-t.C:
			// A test set loads in milliseconds, the official one in 8 to 20 s.
			wait = min(wait+wait/8+1, 20*time.Millisecond)
		}
	}
}

// notYet tells a socket that clamd has still to make. It binds it and changes its
// mode afterwards (LocalSocketMode): in between, nobody but root may connect.
func notYet(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EACCES)
}

// stop ends the process and returns when it is gone: politely first, if grace
// is not 0. The error says that it could not be ended.
func (p *process) stop(grace time.Duration) error {
	if grace > 0 && p.alive() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if p.diedWithin(context.Background(), grace) {
			return nil
		}
	}
	p.kill()
	if !p.diedWithin(context.Background(), killGrace) {
		return fmt.Errorf("clamd %d did not end %s after it was killed", p.cmd.Process.Pid, killGrace)
	}
	return nil
}

// kill does not wait. A process that has ended already is fine.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
}
