package clamav

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// supervisor returns one that starts the real clamd if cfg names none.
func supervisor(t testing.TB, cfg Config) *Supervisor {
	t.Helper()
	if cfg.Clamd == "" {
		cfg.Clamd = need.Clamd(t)
	}
	if cfg.RunDir == "" {
		cfg.RunDir = t.TempDir()
	}
	s := NewSupervisor(cfg)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// pid returns the process id of the engine, 0 if there is none.
func (s *Supervisor) pid() int {
	if e := s.current(); e != nil {
		return e.proc.cmd.Process.Pid
	}
	return 0
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestSupervisorKeepsOneEngine(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	if err := s.Start(g); err != nil {
		t.Fatal(err)
	}
	pid := s.pid()
	for range 3 {
		got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes()))
		if err != nil || got.Outcome != Found || got.Definitions != g.Fingerprint {
			t.Errorf("Scan() = %+v, %v, want found with the generation", got, err)
		}
	}
	if err := s.Start(g); err != nil {
		t.Error(err)
	}
	if s.pid() != pid || pid == 0 {
		t.Errorf("engine was %d, is %d, want the same", pid, s.pid())
	}
}

func TestSupervisorSwitchesGeneration(t *testing.T) {
	t.Parallel()
	s := supervisor(t, Config{})
	one, two := testSet(t), testSet(t, "Lazaret-Test-Word:0:*:6c617a617265742d746573742d776f7264") // "lazaret-test-word"
	word := onDisk(t, []byte("some text with lazaret-test-word in it"))

	got, err := s.Scan(within(t, time.Minute), one, word)
	if err != nil || got.Outcome != Clean {
		t.Fatalf("Scan() with one = %+v, %v, want clean", got, err)
	}
	old := s.pid()
	got, err = s.Scan(within(t, time.Minute), two, word)
	if err != nil || got.Signature != "Lazaret-Test-Word.UNOFFICIAL" || got.Definitions != two.Fingerprint {
		t.Errorf("Scan() with two = %+v, %v, want Lazaret-Test-Word.UNOFFICIAL", got, err)
	}
	if !gone(old) || s.pid() == old {
		t.Errorf("engine %d of the old generation is still there, want it ended", old)
	}
	if left, _ := os.ReadDir(s.cfg.RunDir); len(left) != 1 {
		t.Errorf("RunDir holds %v, want one engine's folder", left)
	}
}

func TestSupervisorReplacesEngineThat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(s *Supervisor) error
		// fails says that the next scan gives no verdict.
		fails bool
		died  bool
	}{
		{name: "died between scans", spoil: func(s *Supervisor) error {
			s.current().proc.kill()
			<-s.current().proc.exited
			return nil
		}},
		{name: "was stopped and goes on, as in a freeze", spoil: func(s *Supervisor) error {
			return errors.Join(syscall.Kill(s.pid(), syscall.SIGSTOP), syscall.Kill(s.pid(), syscall.SIGCONT))
		}},
		{name: "hangs", fails: true, spoil: func(s *Supervisor) error { return syscall.Kill(s.pid(), syscall.SIGSTOP) }},
		{name: "lost its socket", fails: true, spoil: func(s *Supervisor) error {
			return os.Remove(filepath.Join(s.current().home.Name(), "s"))
		}},
		{
			name:  "lost its temporary folder",
			fails: true,
			spoil: func(s *Supervisor) error { return os.RemoveAll(s.current().temp.path) },
		},
		{name: "has a tainted cache", spoil: func(s *Supervisor) error { s.current().cacheTainted.Store(true); return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, g := supervisor(t, Config{}), testSet(t)
			if err := s.Ensure(within(t, time.Minute), g); err != nil {
				t.Fatal(err)
			}
			pid := s.pid()
			if err := tt.spoil(s); err != nil {
				t.Fatal(err)
			}
			if tt.fails {
				got, err := s.Scan(within(t, 300*time.Millisecond), g, onDisk(t, eicar.Bytes()))
				noVerdict(t, got, err)
			}
			got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes()))
			if err != nil || got.Outcome != Found {
				t.Errorf("Scan() after it = %+v, %v, want found", got, err)
			}
			if replaced := s.pid() != pid; replaced == (tt.name == "was stopped and goes on, as in a freeze") {
				t.Errorf("engine replaced = %t, want it replaced unless it was only frozen", replaced)
			}
			if s.pid() != pid && !gone(pid) {
				t.Errorf("the old engine %d is still there, want it ended", pid)
			}
		})
	}
}

func TestSupervisorReportsCrash(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	e := s.current()
	// A stopped engine has certainly not answered when it is killed.
	if err := syscall.Kill(s.pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var got Finding
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { got, err = s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())) })
	time.AfterFunc(100*time.Millisecond, e.proc.kill)
	wg.Wait()
	noVerdict(t, got, err)
	if !errors.Is(err, ErrEngineDied) {
		t.Errorf("Scan() error = %v, want ErrEngineDied", err)
	}
	if got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())); err != nil || got.Outcome != Found {
		t.Errorf("Scan() after it = %+v, %v, want found", got, err)
	}
}

func TestSupervisorProvesEngine(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"always-clean", "always-found"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := supervisor(t, Config{Clamd: fake(t, how)})
			got, err := s.Scan(within(t, time.Minute), testSet(t), onDisk(t, []byte("nothing here")))
			noVerdict(t, got, err)
			if pid := s.pid(); !s.current().proc.exitedWithin(t.Context(), time.Minute) {
				t.Errorf("engine %d gave a wrong answer and runs, want it killed", pid)
			}
		})
	}
}

// TestProofAge checks that an engine is proved again if its last proof is too old.
func TestProofAge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		later time.Duration
		want  bool // whether the engine is proved again
	}{
		{name: "fresh", later: 59 * time.Second},
		{name: "old", later: 61 * time.Second, want: true},
		{name: "thawed after a week", later: 7 * 24 * time.Hour, want: true},
		{name: "clock set back", later: -time.Hour, want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, g := supervisor(t, Config{ProofAge: time.Minute}), testSet(t)
			if err := s.Ensure(within(t, time.Minute), g); err != nil {
				t.Fatal(err)
			}
			e := s.current()
			proof := e.proved.Load()
			s.now = func() time.Time { return proof.Round(0).Add(tt.later) }
			if _, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())); err != nil {
				t.Fatal(err)
			}
			if again := e.proved.Load() != proof; again != tt.want {
				t.Errorf("proved again = %t, want %t", again, tt.want)
			}
		})
	}
}

// TestOldProofWithdrawsAnswer checks that an answer does not count if the engine fails the proof that
// is made after it.
func TestOldProofWithdrawsAnswer(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	// From now on the engine answers clean for every file.
	e := s.current()
	wrong := engine(t, Config{Clamd: fake(t, "always-clean")})
	e.client = wrong.client
	f := onDisk(t, []byte("nothing here"))
	if got, err := s.Scan(within(t, time.Minute), g, f); err != nil || got.Outcome != Clean {
		t.Fatalf("Scan() = %+v, %v, want clean while the proof is fresh", got, err)
	}
	s.now = func() time.Time { return time.Now().Add(time.Hour) }
	got, err := s.Scan(within(t, time.Minute), g, f)
	noVerdict(t, got, err)
	s.now = time.Now
	if got, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())); err != nil || got.Outcome != Found {
		t.Errorf("Scan() with the next engine = %+v, %v, want found", got, err)
	}
}

func TestLoadTime(t *testing.T) {
	t.Parallel()
	// Much more than the first wait below, which a busy machine makes longer.
	s, g := supervisor(t, Config{Clamd: fake(t, "never-ready"), LoadTime: 3 * time.Second}), testSet(t)
	if err := s.Start(g); err != nil {
		t.Fatal(err)
	}
	pid := s.pid()
	if err := s.Ensure(within(t, 50*time.Millisecond), g); !errors.Is(err, ErrEngine) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ensure() = %v, want ErrEngine and the deadline", err)
	}
	if s.pid() != pid || gone(pid) {
		t.Errorf("engine %d has ended, want it to go on loading", pid)
	}
	// After a wait of LoadTime in all, the engine counts as hung.
	stuck := s.current().proc
	for calls := 0; stuck.alive() && calls < 100; calls++ { // a call may have waited for less, on a busy machine
		if err := s.Ensure(within(t, time.Second), g); !errors.Is(err, ErrEngine) {
			t.Errorf("Ensure() = %v, want ErrEngine", err)
		}
		if stuck.exitedWithin(t.Context(), 100*time.Millisecond) {
			return
		}
	}
	t.Error("the engine that does not load still runs, want it killed")
}

func TestUnusableFilesKeepTheEngine(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	pid := s.pid()
	if _, err := s.Scan(within(t, time.Minute), g, opened(t, t.TempDir())); !errors.Is(err, ErrDescriptor) {
		t.Errorf("Scan(folder) = %v, want ErrDescriptor", err)
	}
	if got, err := s.Scan(within(t, time.Minute), g, onDisk(t, []byte("12345"))); err != nil || got.Outcome != Unexamined {
		t.Errorf("Scan(5 bytes) = %+v, %v, want unexamined", got, err)
	}
	if err := s.Ensure(within(t, time.Minute), g); err != nil || s.pid() != pid {
		t.Errorf("engine was %d, is %d, %v, want the same", pid, s.pid(), err)
	}
}

func TestSupervisorInParallel(t *testing.T) {
	t.Parallel()
	s := supervisor(t, Config{Threads: 2})
	one, two := testSet(t), testSet(t, "Lazaret-Test-Word:0:*:6c617a617265742d746573742d776f7264")
	infected, clean := onDisk(t, eicar.Bytes()), onDisk(t, []byte("nothing here"))
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 12 {
				f, want := infected, Found
				if (i+j)%2 == 0 {
					f, want = clean, Clean
				}
				g := one
				if j/6%2 == 1 {
					g = two
				}
				got, err := s.Scan(within(t, time.Minute), g, f)
				if err != nil || got.Outcome != want || got.Definitions != g.Fingerprint {
					t.Errorf("Scan() = %+v, %v, want %s with %s", got, err, want, g.Fingerprint)
				}
			}
		})
	}
	wg.Wait()
}

func TestCloseEndsAScan(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	pid := s.pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { _, err = s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())) })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if !errors.Is(err, ErrEngine) {
		t.Errorf("Scan() = %v, want ErrEngine", err)
	}
	if !gone(pid) {
		t.Errorf("engine %d is still there, want it ended", pid)
	}
	if _, err := s.Scan(within(t, time.Minute), g, onDisk(t, eicar.Bytes())); !errors.Is(err, ErrEngine) {
		t.Errorf("Scan() after Close = %v, want ErrEngine", err)
	}
}
