package clamav

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Engine is one clamd process with one generation of definitions, which it never changes. It is safe
// for concurrent use. After an error with ErrEngine it must be stopped: none of its later answers
// count.
type Engine struct {
	cfg         Config
	definitions definitions.Generation
	proc        *process
	client      client
	home        *os.File // private folder
	temp        folder
	tempSpace   *tempSpace
	version     version
	loaded      atomic.Bool // set by Ready
	proved      atomic.Pointer[time.Time]
	// cacheTainted: clamd's own cache may have wrong entries; see scan.
	cacheTainted atomic.Bool
	clean        *cleanCache
}

// Start starts clamd, which loads the definitions of g, and returns at once. g need not be published.
// Wait with Ready; end the engine with Stop in any case.
func Start(cfg Config, g definitions.Generation) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	e := &Engine{cfg: cfg, definitions: g, clean: newCleanCache()}
	if err := e.start(); err != nil {
		return nil, fmt.Errorf("%w: start: %w", ErrEngine, errors.Join(err, e.remove()))
	}
	return e, nil
}

// start creates the private folder and starts clamd in it.
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
	if e.tempSpace, err = newTempSpace(e.temp.path, e.cfg.Limits.Unpacked, e.cfg.Threads); err != nil {
		return err
	}
	if e.version, err = versionOf(e.cfg.Clamd); err != nil {
		return err
	}
	conf, err := e.cfg.render(e.version, e.definitions.Dir, e.temp.path)
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

// Ready waits until the definitions are loaded or ctx ends. If ctx ended, the engine goes on loading,
// and Ready may be called again. After any other error the engine will never be ready.
func (e *Engine) Ready(ctx context.Context) error {
	if e.loaded.Load() {
		return nil
	}
	if err := e.proc.ready(ctx, e.client); err != nil {
		return fmt.Errorf("%w: %w", ErrEngine, err)
	}
	e.loaded.Store(true)
	return nil
}

// Warnings returns the first errors and warnings that libclamav printed. After Ready they are about
// the definitions: for example, libclamav leaves out YARA rules that it cannot parse, and loads the
// others.
func (e *Engine) Warnings() []string {
	e.proc.out.sync()
	return e.proc.out.warnings()
}

// Version returns the version of clamd, "ClamAV 1.4.6".
func (e *Engine) Version() string { return e.version.text }

// Scan has the engine scan all of f, whatever the offset of f is. It does not prove the engine; see
// Prove and Supervisor.
//
// clamd reads the same open file description. Therefore f must not be read with its offset meanwhile.
// Only a hash of the content shows that clamd scanned these bytes; compute it with ReadAt from the
// same f, after Scan has returned. clamd also answers OK for a file that is truncated or grows during
// the scan, and for one whose blocks cannot be read.
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
	return e.complete(finding), nil
}

// complete adds to a finding which engine answered, with which definitions.
func (e *Engine) complete(f Finding) Finding {
	f.Engine, f.Definitions, f.by = e.Version(), e.definitions.Fingerprint, e
	return f
}

// Known returns Clean for content that was added with Finding.Keep, if this engine was proved since
// and is healthy now.
func (e *Engine) Known(sum Sum) (Finding, bool) {
	if !e.clean.contains(sum) || e.checkHealth() != nil {
		return Finding{}, false
	}
	return e.complete(Finding{Outcome: Clean}), true
}

// scan asks clamd about f. The signature that clamd finds first ends its scan.
func (e *Engine) scan(ctx context.Context, f *os.File) (Finding, error) {
	findings, err := e.ask(ctx, "FILDES", f, func(raw []byte) ([]Finding, error) {
		finding, err := parseReply(raw)
		return []Finding{finding}, err
	})
	if err != nil {
		return Finding{}, err
	}
	return findings[0], nil
}

// ask sends a command that scans, with the descriptor of f if f is not nil, and checks before and after for problems
// that clamd does not report. If there is one, the answer does not count, whatever it is. The answer has one finding
// at least; signatures come before a limit.
func (e *Engine) ask(
	ctx context.Context, command string, f *os.File, parse func([]byte) ([]Finding, error),
) ([]Finding, error) {
	if err := e.checkHealth(); err != nil {
		return nil, fmt.Errorf("%w: before the scan: %w", ErrEngine, err)
	}
	bound := e.cfg.Limits.ScanTime + e.cfg.ReplyMargin
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("no answer within %s", bound))
	defer cancel()
	ctx, hung := context.WithCancelCause(ctx)
	defer hung(nil)
	go e.detectHang(ctx, hung)
	stopWatch := e.tempSpace.watch()
	raw, err := e.client.ask(ctx, command, f)
	spaceErr := stopWatch()
	if err == nil && len(raw) == 0 {
		err = errEmptyReply
	}
	if err != nil {
		return nil, e.classifyFailure(ctx, err)
	}
	findings, err := parse(raw)
	if errors.Is(spaceErr, errTempLimit) {
		// The result, and what clamd printed, are consequences of the limit. Members that clamd scanned only
		// in part are in its cache of clean files now.
		e.cacheTainted.Store(true)
		signatures := slices.DeleteFunc(findings, func(f Finding) bool { return f.Outcome != Found })
		return append(signatures, Finding{Outcome: Limit, Limit: "MaxScanSize"}), nil
	}
	if err = errors.Join(err, spaceErr, e.checkHealth()); err != nil {
		return nil, fmt.Errorf("%w: after the scan: %w", ErrEngine, err)
	}
	return findings, nil
}

// exitDelay is how long after the end of its connections a process may end. It only decides between
// ErrEngineDied and ErrEngine.
const exitDelay = 2 * time.Second

// classifyFailure wraps the error of a question to clamd: with ErrEngineDied if the process ended or
// hangs, with ErrOverdue if the scan took too long, and with ErrEngine otherwise.
func (e *Engine) classifyFailure(ctx context.Context, err error) error {
	if errors.Is(err, errHung) {
		return fmt.Errorf("%w: %w", ErrEngineDied, err)
	}
	if ctx.Err() == nil && e.proc.exitedWithin(ctx, exitDelay) {
		return fmt.Errorf("%w: %w: %w", ErrEngineDied, err, e.proc.exitError())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && e.proc.alive() {
		return fmt.Errorf("%w: %w", ErrOverdue, err)
	}
	return fmt.Errorf("%w: %w", ErrEngine, err)
}

// checkHealth looks for the problems because of which clamd would answer OK for anything: a temporary
// folder that is missing or was replaced, and printed errors about it.
func (e *Engine) checkHealth() error {
	if e.cacheTainted.Load() {
		return errors.New("its cache may have wrong entries after a scan that reached the limit of temporary files")
	}
	if err := e.temp.check(); err != nil {
		return err
	}
	e.proc.out.sync()
	if fault := e.proc.out.firstFault(); fault != "" {
		return fmt.Errorf("clamd printed %q", fault)
	}
	return nil
}

// Stop ends the engine and removes its folder. It takes some seconds at most. An error means that the
// process may still run. Stop may be called again.
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
