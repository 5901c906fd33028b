package clamav

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Engine is one clamd with one generation of definitions, which it never
// changes. It is safe for concurrent use. After an error with ErrEngine it
// must be stopped: nothing that it says from then on counts.
type Engine struct {
	cfg         Config
	definitions definitions.Generation
	proc        *process
	client      client
	home        *os.File // the private folder
	temp        folder
	room        *room
	version     atomic.Pointer[string] // set by Ready
	proved      atomic.Pointer[time.Time]
	spent       atomic.Bool // its cache may hold lies, see scan
}

// Start begins to load the definitions of g, which need not be published, and
// returns at once. Wait with Ready, and end the engine with Stop in any case.
func Start(cfg Config, g definitions.Generation) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	e := &Engine{cfg: cfg, definitions: g}
	if err := e.start(); err != nil {
		return nil, fmt.Errorf("%w: start: %w", ErrEngine, errors.Join(err, e.remove()))
	}
	return e, nil
}

func (e *Engine) start() error {
	dir, err := os.MkdirTemp(e.cfg.RunDir, "clamd-") // created 0700
	if err != nil {
		return fmt.Errorf("create private folder: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("find private folder: %w", err)
	}
	if e.home, err = os.Open(dir); err != nil {
		return fmt.Errorf("open private folder: %w", err)
	}
	e.client.home = e.home
	if e.temp, err = makeFolder(filepath.Join(dir, "tmp")); err != nil {
		return err
	}
	if e.room, err = measureRoom(e.temp.path, e.cfg.Limits.Unpacked, e.cfg.Threads); err != nil {
		return err
	}
	conf, err := e.cfg.render(e.definitions.Dir, e.temp.path)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "clamd.conf")
	if err := os.WriteFile(file, conf, 0o600); err != nil {
		return fmt.Errorf("write clamd.conf: %w", err)
	}
	e.proc, err = startProcess(e.cfg.Clamd, dir, file)
	return err
}

// Ready waits until the definitions are loaded, as long as ctx allows. After
// the context's own error the engine is still loading and may be asked again;
// any other means that it will never be ready.
func (e *Engine) Ready(ctx context.Context) error {
	if e.version.Load() != nil {
		return nil
	}
	if err := e.proc.ready(ctx, e.client); err != nil {
		return fmt.Errorf("%w: %w", ErrEngine, err)
	}
	raw, err := e.client.ask(ctx, "VERSION", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEngine, err)
	}
	text, err := oneReply(raw)
	if err != nil {
		return fmt.Errorf("%w: VERSION: %w", ErrEngine, err)
	}
	// "ClamAV 1.4.6/27500/Sun Nov ..." if it finds a daily set, whose version
	// is known better from its own header.
	version, _, _ := strings.Cut(text, "/")
	e.version.Store(&version)
	return nil
}

// Complaints returns the first errors and warnings that libclamav printed. After
// Ready they are about the definitions: it leaves out YARA rules that it cannot
// parse, say, and loads the rest.
func (e *Engine) Complaints() []string {
	e.proc.out.sync()
	return e.proc.out.complaints()
}

// Version is what clamd calls itself, "ClamAV 1.4.6"; empty before Ready.
func (e *Engine) Version() string {
	if v := e.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Scan asks the engine about all of f, wherever its offset stands. It does not
// prove the engine; see Prove and Supervisor.
//
// What the caller owes: clamd reads the same open file description, so f must
// not be read through its offset meanwhile, and only a hash of the content,
// taken from the same descriptor with ReadAt after Scan has returned, shows
// that these bytes were scanned. A file that is cut or grown meanwhile is Clean
// to clamd; so is one whose blocks could not be read.
func (e *Engine) Scan(ctx context.Context, f *os.File) (Finding, error) {
	if small, err := examine(f); err != nil {
		return Finding{}, err
	} else if small {
		return Finding{Outcome: Unexamined}, nil
	}
	if err := ctx.Err(); err != nil {
		return Finding{}, fmt.Errorf("scan: %w", err)
	}
	finding, err := e.scan(ctx, f)
	if err != nil {
		return Finding{}, err
	}
	finding.Engine, finding.Definitions = e.Version(), e.definitions.Fingerprint
	return finding, nil
}

// scan brackets the question with checks of what clamd itself would not
// report. Any doubt is an error, also about a good answer.
func (e *Engine) scan(ctx context.Context, f *os.File) (Finding, error) {
	if err := e.sound(); err != nil {
		return Finding{}, fmt.Errorf("%w: before the scan: %w", ErrEngine, err)
	}
	bound := e.cfg.Limits.ScanTime + e.cfg.ReplyMargin
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("no answer within %s", bound))
	defer cancel()
	ctx, hung := context.WithCancelCause(ctx)
	defer hung(nil)
	go e.pulse(ctx, hung)
	seen := e.room.watch()
	raw, err := e.client.ask(ctx, "FILDES", f)
	roomErr := seen()
	if err == nil && len(raw) == 0 {
		err = errEmptyReply
	}
	if err != nil {
		return Finding{}, e.blame(ctx, err)
	}
	finding, err := parseReply(raw)
	if errors.Is(roomErr, errUnpacked) {
		// Whatever else it said, or complained about, comes from this. The parts
		// that it saw cut are in its cache as clean from now on.
		e.spent.Store(true)
		if finding.Outcome != Found {
			finding = Finding{Outcome: Limit, Limit: "MaxScanSize"}
		}
		return finding, nil
	}
	if err = errors.Join(err, roomErr, e.sound()); err != nil {
		return Finding{}, fmt.Errorf("%w: after the scan: %w", ErrEngine, err)
	}
	return finding, nil
}

// deathNews is how long the end of a process may lag behind the end of its
// connections. It only decides between ErrEngineDied and ErrEngine.
const deathNews = 2 * time.Second

// blame tells an engine that ended, or hangs as a whole, from a scan that is not
// done in time, and that from a caller who gave up.
func (e *Engine) blame(ctx context.Context, err error) error {
	if errors.Is(err, errHung) {
		return fmt.Errorf("%w: %w", ErrEngineDied, err)
	}
	if ctx.Err() == nil && e.proc.diedWithin(ctx, deathNews) {
		return fmt.Errorf("%w: %w: %w", ErrEngineDied, err, e.proc.obituary())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && e.proc.alive() {
		return fmt.Errorf("%w: %w", ErrOverdue, err)
	}
	return fmt.Errorf("%w: %w", ErrEngine, err)
}

// sound looks for the two things that turn every answer into OK: a temporary
// folder that is not the one clamd was given, and complaints about it.
func (e *Engine) sound() error {
	if e.spent.Load() {
		return errors.New("its cache is not to be trusted after a scan that reached the limit of temporary files")
	}
	if err := e.temp.check(); err != nil {
		return err
	}
	e.proc.out.sync()
	if fault := e.proc.out.faulty(); fault != "" {
		return fmt.Errorf("clamd printed %q", fault)
	}
	return nil
}

// Stop ends the engine and removes its folder. It takes at most some seconds;
// an error means that the process may still be there. Stopping again is fine.
func (e *Engine) Stop() error {
	return e.end(termGrace)
}

func (e *Engine) end(grace time.Duration) error {
	if err := e.proc.stop(grace); err != nil {
		return fmt.Errorf("stop engine: %w", err)
	}
	return e.remove()
}

func (e *Engine) remove() error {
	if e.home == nil {
		return nil
	}
	err := e.home.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(os.RemoveAll(e.home.Name()), err)
}
