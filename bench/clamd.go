package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/definitions"
)

// clamd is the bare engine, started and asked without any code of Lazaret's, as
// the measure for it.
type clamd struct {
	cmd    *exec.Cmd
	socket string
}

// clamdConf has what costs or saves time as the scan function sets it; its
// other settings are limits, which files this small do not reach.
const clamdConf = `Foreground yes
LocalSocket %s
DatabaseDirectory %s
TemporaryDirectory %s
SelfCheck 0
MaxThreads 2
MaxFileSize 2147483645
MaxScanSize 0
AlertExceedsMax yes
AlertEncrypted yes
Bytecode yes
`

// startClamd starts the engine with the definitions in the folder, those that
// know EICAR alone when it is empty, and waits until it has loaded them.
func (l *lab) startClamd(ctx context.Context, databases string) (*clamd, error) {
	home, err := os.MkdirTemp(l.work, "clamd-")
	if err != nil {
		return nil, fmt.Errorf("create folder for clamd: %w", err)
	}
	if databases == "" {
		databases = filepath.Join(home, "definitions")
		if err := definitions.WriteTest(databases); err != nil {
			return nil, err
		}
	}
	c := &clamd{socket: filepath.Join(home, "s")}
	conf := filepath.Join(home, "clamd.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, clamdConf, c.socket, databases, home), 0o600); err != nil {
		return nil, fmt.Errorf("write clamd.conf: %w", err)
	}
	c.cmd = exec.CommandContext(ctx, clamdProgram(), "--config-file="+conf)
	start := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start clamd: %w", err)
	}
	for time.Since(start) < 3*time.Minute {
		if _, err := c.ask("PING", nil); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return nil, errors.Join(errors.New("wait for clamd: it does not answer"), c.stop())
}

func clamdProgram() string {
	if path, err := exec.LookPath("clamd"); err == nil {
		return path
	}
	return "/usr/sbin/clamd" // not on every user's PATH
}

func (c *clamd) stop() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop clamd: %w", err)
	}
	_ = c.cmd.Wait() // "signal: killed"
	return nil
}

// ask sends one command, with a descriptor if f is not nil.
func (c *clamd) ask(command string, f *os.File) (string, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: c.socket, Net: "unix"})
	if err != nil {
		return "", fmt.Errorf("connect to clamd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("z" + command + "\x00")); err != nil {
		return "", fmt.Errorf("send command: %w", err)
	}
	if f != nil {
		if _, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(f.Fd())), nil); err != nil {
			return "", fmt.Errorf("send descriptor: %w", err)
		}
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("read reply: %w", err)
	}
	return string(reply), nil
}

// scan asks about the file, which must be clean.
func (c *clamd) scan(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	reply, err := c.ask("FILDES", f)
	if err == nil && !strings.HasSuffix(reply, ": OK\x00") {
		err = fmt.Errorf("clamd says %q", reply)
	}
	return err
}

// alone is what clamd does without Lazaret.
type alone struct {
	rate      float64       // files a second
	processor time.Duration // for each file
}

// scanAlone takes the files that drain uploads, on the disk already, through
// one clamd with two clients.
func (l *lab) scanAlone(ctx context.Context, databases string) (a alone, err error) {
	dir, err := l.dir("files")
	if err != nil {
		return a, err
	}
	file := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%04d.txt", i)) }
	for i := range l.amount.Objects {
		if err := os.WriteFile(file(i), text(i, l.amount.Size), 0o600); err != nil {
			return a, fmt.Errorf("write file: %w", err)
		}
	}
	c, err := l.startClamd(ctx, databases)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	before, err := processorTime(c.cmd.Process.Pid)
	if err != nil {
		return a, err
	}
	start := time.Now()
	var clients errgroup.Group
	for client := range 2 {
		clients.Go(func() error {
			for i := client; i < l.amount.Objects; i += 2 {
				if err := c.scan(file(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := clients.Wait(); err != nil {
		return a, err
	}
	a.rate = float64(l.amount.Objects) / time.Since(start).Seconds()
	after, err := processorTime(c.cmd.Process.Pid)
	a.processor = (after - before) / time.Duration(l.amount.Objects)
	return a, err
}
