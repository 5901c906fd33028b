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

// clamd is a clamd process that no code of Lazaret starts or calls, for comparison.
type clamd struct {
	cmd    *exec.Cmd
	socket string
}

// clamdConf has the settings of the scan function that change how long a scan takes. The other settings are limits,
// which files of this size do not reach.
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

// startClamd starts clamd with the definitions in the folder, or with the test definitions if that is "", and waits
// until clamd has loaded them.
func (b *benchmark) startClamd(ctx context.Context, databases string) (*clamd, error) {
	home, err := os.MkdirTemp(b.work, "clamd-")
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
	for time.Since(start) < 10*time.Minute {
		if _, err := c.ask("PING", nil); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return nil, errors.Join(errors.New("start clamd: it does not answer"), c.stop())
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

// ask sends a command, with the descriptor of f unless that is nil, and returns the reply.
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

// scan has clamd scan a file, which must be clean.
func (c *clamd) scan(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	reply, err := c.ask("FILDES", f)
	if err == nil && !strings.HasSuffix(reply, ": OK\x00") {
		err = fmt.Errorf("scan %s: clamd answers %q, want OK", path, reply)
	}
	return err
}

// clamdRate is how fast clamd scans without Lazaret.
type clamdRate struct {
	load
	rate      float64       // files a second
	processor time.Duration // of each file
}

// scanWithClamd writes the files that a burst uploads to the disk, and has one clamd scan them for some clients.
func (b *benchmark) scanWithClamd(ctx context.Context, databases string, clients int) (a clamdRate, err error) {
	files, err := b.files(b.amount.Objects)
	if err != nil {
		return a, err
	}
	c, err := b.startClamd(ctx, databases)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	before, err := processorTime(c.cmd.Process.Pid)
	if err != nil {
		return a, err
	}
	watching, err := beginWatch()
	if err != nil {
		return a, err
	}
	var group errgroup.Group
	for client := range clients {
		group.Go(func() error {
			for i := client; i < len(files); i += clients {
				if err := c.scan(files[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return a, err
	}
	if a.load, err = watching.end(); err != nil {
		return a, err
	}
	a.rate = float64(len(files)) / a.took.Seconds()
	after, err := processorTime(c.cmd.Process.Pid)
	a.processor = (after - before) / time.Duration(len(files))
	return a, err
}

// files writes n files as a burst uploads them.
func (b *benchmark) files(n int) (paths []string, err error) {
	dir, err := b.dir("files")
	if err != nil {
		return nil, err
	}
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%04d.txt", i))
		if err := os.WriteFile(path, text(i, b.amount.Size), 0o600); err != nil {
			return nil, fmt.Errorf("write file: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// measureClamscan starts clamscan once for each file, as other solutions do, which loads the definitions each time.
func measureClamscan(ctx context.Context, b *benchmark) error {
	if err := b.clamscan(ctx, "test definitions: ", "", b.amount.Clamscans); err != nil {
		return err
	}
	databases, err := b.databases()
	if err != nil {
		return err
	}
	return b.clamscan(ctx, "real size: ", databases, min(3, b.amount.Clamscans))
}

func (b *benchmark) clamscan(ctx context.Context, name, databases string, times int) error {
	if databases == "" {
		databases = filepath.Join(b.work, "test-definitions")
		if err := definitions.WriteTest(databases); err != nil {
			return err
		}
	}
	files, err := b.files(times)
	if err != nil {
		return err
	}
	watching, err := beginWatch()
	if err != nil {
		return err
	}
	for _, path := range files {
		cmd := exec.CommandContext(ctx, "clamscan", "--no-summary", "--database="+databases, path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("scan %s with clamscan: %w: %s", path, err, out)
		}
	}
	l, err := watching.end()
	if err != nil {
		return err
	}
	b.report.during(l).plain(name+"clamscan, each", l.took.Seconds()/float64(times), "s")
	raw, err := b.scanWithClamd(ctx, databases, 1)
	if err != nil {
		return err
	}
	b.report.during(l.and(raw.load)).ratio(row{
		Name:  name + "clamscan, over a resident clamd",
		Value: l.took.Seconds() / float64(times) * raw.rate,
	})
	return nil
}
