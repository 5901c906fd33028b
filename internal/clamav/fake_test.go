package clamav

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// fakeName begins the names under which the test binary is a clamd that misbehaves; the rest of the
// name says how.
const fakeName = "fake-clamd-"

// fake returns the path of a clamd that misbehaves in this way.
func fake(t testing.TB, how string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), fakeName+how)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// beFake is the clamd that misbehaves. Like the real one it runs in its private folder, listens on "s"
// there and answers one command for each connection.
func beFake(how string) {
	becomesReal := how == "read-only-temp" || how == "small-temp"
	if slices.Contains(os.Args, "--version") && !becomesReal {
		fmt.Println("ClamAV 1.4.6")
		os.Exit(0)
	}
	switch how {
	case "dies-loading":
		fmt.Println("ERROR: the last words of clamd")
		os.Exit(1)
	case "never-ready":
		select {}
	case "read-only-temp", "small-temp":
		beRealWithBadTemp(how)
	}
	if how == "late-mode" {
		syscall.Umask(0o777)
	}
	l, err := net.Listen("unix", "s")
	if err != nil {
		fmt.Println(err)
		return
	}
	if how == "late-mode" {
		time.Sleep(50 * time.Millisecond) // several connections are refused meanwhile
		if err := os.Chmod("s", 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go answer(conn.(*net.UnixConn), how)
	}
}

func answer(conn *net.UnixConn, how string) {
	defer conn.Close()
	var buf, oob [512]byte
	n, _, _, _, _ := conn.ReadMsgUnix(buf[:], oob[:])
	switch command := string(buf[:n]); {
	case strings.HasPrefix(command, "zPING"):
		conn.Write([]byte("PONG\x00"))
	case how == "finds-and-dies":
		path := strings.TrimSuffix(strings.TrimPrefix(command, "zALLMATCHSCAN "), "\x00")
		conn.Write([]byte(path + ": Everything FOUND\x00"))
		os.Exit(7)
	default:
		if n == len("zFILDES\x00") {
			conn.ReadMsgUnix(buf[:], oob[:]) // read the descriptor, or closing would reset the connection
		}
		misbehave(conn, how)
	}
}

func misbehave(conn *net.UnixConn, how string) {
	switch how {
	case "empty":
	case "two-replies":
		conn.Write([]byte("fd[9]: Not supported file type ERROR\x00fd[9]: OK\x00"))
	case "no-end":
		conn.Write([]byte("fd[9]: OK"))
	case "megabyte":
		conn.Write([]byte("fd[9]: " + strings.Repeat("A", 1<<20) + " FOUND\x00"))
	case "path":
		conn.Write([]byte("/etc/passwd: OK\x00"))
	case "dies":
		os.Exit(7)
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hangs":
		select {}
	case "half":
		conn.Write([]byte("fd[9]: O"))
		select {}
	case "always-clean":
		conn.Write([]byte("fd[9]: OK\x00"))
	case "always-found":
		conn.Write([]byte("fd[9]: Everything FOUND\x00"))
	case "complains":
		// As libclamav does: it prints the error, and answers OK.
		fmt.Fprintln(os.Stderr, "LibClamAV Error: Can't create temporary directory for scan: /x.")
		conn.Write([]byte("fd[9]: OK\x00"))
	}
}

func TestBadRepliesAreNoVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		how  string
		died bool
		want string
	}{
		{how: "empty", want: "empty reply"},
		{how: "two-replies", want: "more than one reply"},
		{how: "no-end", want: "without its end"},
		{how: "megabyte", want: "longer than 65536 bytes"},
		{how: "path", want: "unknown reply"},
		{how: "complains", want: "Can't create temporary directory"},
		{how: "dies", died: true, want: "exit status 7"},
		{how: "killed", died: true, want: "signal: killed"},
	}
	for _, tt := range tests {
		t.Run(tt.how, func(t *testing.T) {
			t.Parallel()
			e := engine(t, Config{Clamd: fake(t, tt.how)})
			got, err := e.Scan(within(t, time.Minute), onDisk(t, eicar.Bytes()))
			noVerdict(t, got, err)
			if !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("Scan() error = %v, want %q in it", err, tt.want)
			}
			if errors.Is(err, ErrEngineDied) != tt.died {
				t.Errorf("Scan() error = %v, ErrEngineDied = %t wanted", err, tt.died)
			}
		})
	}
}

func TestNoAnswerBeforeDeadline(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"hangs", "half"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			e := engine(t, Config{Clamd: fake(t, how)})
			f := onDisk(t, eicar.Bytes())

			got, err := e.Scan(within(t, 50*time.Millisecond), f)
			noVerdict(t, got, err)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrOverdue) || errors.Is(err, ErrEngineDied) {
				t.Errorf("Scan() error = %v, want the deadline in it, ErrOverdue and no death", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			got, err = e.Scan(ctx, f)
			noVerdict(t, got, err)
			if !errors.Is(err, context.Canceled) || errors.Is(err, ErrOverdue) {
				t.Errorf("Scan() error = %v, want the cancellation in it, and not ErrOverdue", err)
			}
		})
	}
}

func TestNoAnswerWithoutDeadline(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.ScanTime = time.Millisecond
	e := engine(t, Config{Clamd: fake(t, "hangs"), Limits: limits, ReplyMargin: 20 * time.Millisecond})
	got, err := e.Scan(context.Background(), onDisk(t, eicar.Bytes()))
	noVerdict(t, got, err)
	if !errors.Is(err, ErrOverdue) {
		t.Errorf("Scan() error = %v, want ErrOverdue", err)
	}
}

func TestSocketGone(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	if err := os.Remove(filepath.Join(e.home.Name(), "s")); err != nil {
		t.Fatal(err)
	}
	got, err := e.Scan(within(t, time.Minute), onDisk(t, eicar.Bytes()))
	noVerdict(t, got, err)
	if errors.Is(err, ErrEngineDied) {
		t.Errorf("Scan() error = %v, but clamd lives, want no ErrEngineDied while clamd runs", err)
	}
}

func TestReadySaysWhyClamdEnded(t *testing.T) {
	t.Parallel()
	e, err := Start(Config{Clamd: fake(t, "dies-loading"), RunDir: t.TempDir()}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Ready(within(t, time.Minute))
	if !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "the last words of clamd") {
		t.Errorf("Ready() = %v, want ErrEngine with clamd's last words", err)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

func TestReadyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	e, err := Start(Config{Clamd: fake(t, "never-ready"), RunDir: t.TempDir()}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Ready(within(t, 30*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrEngine) {
		t.Errorf("Ready() = %v, want ErrEngine and the deadline in it", err)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

// lateContext is a context whose deadline has passed and that has not ended yet, as on a busy machine.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

func TestReadyWaitsForTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	e, err := Start(Config{Clamd: fake(t, "never-ready"), RunDir: t.TempDir()}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := lateContext{within(t, 100*time.Millisecond)}
	if err := e.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
		t.Errorf("Ready() = %v while the context's error is %v, want both to be the deadline", err, ctx.Err())
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

func TestProveWrongAnswers(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]string{
		"always-clean": "canary eicar", "always-found": "canary clean", "empty": "canary eicar", "dies": "canary eicar",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			err := engine(t, Config{Clamd: fake(t, how)}).Prove(within(t, time.Minute))
			if !errors.Is(err, ErrCanary) || !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), want) {
				t.Errorf("Prove() = %v, want ErrEngine about %s", err, want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	g := testSet(t)
	rules := "rule good { strings: $a = \"hello world\" condition: $a }\nrule bad { condition: $nope }\n"
	if err := os.WriteFile(filepath.Join(g.Dir, "own.yara"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := Start(Config{Clamd: need.Clamd(t), RunDir: t.TempDir()}, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(e.Warnings(), "\n"); !strings.Contains(got, "own.yara line 2") {
		t.Errorf("Complaints() = %q, want the file and the line", got)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}
