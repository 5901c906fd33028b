// Package freshclam runs ClamAV's own updater in a folder and reports the outcome. freshclam's exit
// status is also 0 in many cases in which nothing was updated. Therefore the outcome is decided by the
// headers of the databases before and after the run, and by the cool-down that a mirror requested; the
// exit status only says how a run failed. The package publishes nothing, and asks no mirror during a
// cool-down. Package update calls it.
package freshclam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Config says how to run freshclam.
type Config struct {
	// Program is the path of the program. If it is empty, freshclam is looked for in PATH and in /usr/bin.
	Program string
	// Mirror is the URL of the mirror, OfficialMirror if empty.
	Mirror string
	// WholeFiles turns incremental updates off.
	WholeFiles bool
	// Attempts is how often a mirror that does not answer is asked, 3 if zero. freshclam waits five
	// seconds in between.
	Attempts int
}

// OfficialMirror is ClamAV's own mirror. If it is asked by another name, or more often than once an
// hour, it refuses requests for a day: https://docs.clamav.net/faq/faq-freshclam.html
const OfficialMirror = "https://database.clamav.net"

// Headers are the headers of a folder's database containers, by name without extension. A container
// that cannot be read is left out.
type Headers map[string]definitions.Header

// Report is the result of a run.
type Report struct {
	Outcome Outcome
	Detail  string    // freshclam's reason, if the outcome is not a success
	Before  Headers   // before the run
	After   Headers   // after the run
	Retry   time.Time // end of the cool-down, zero if there is none
}

// Run updates the databases in dir, in which freshclam also notes a cool-down. During a cool-down it
// does nothing. No other process may read dir meanwhile. The error is the context's, or says that
// freshclam could not be run. Everything that a mirror can do is in the report.
func Run(ctx context.Context, cfg Config, dir string) (Report, error) {
	r := Report{Before: ReadHeaders(dir)}
	r.After = r.Before
	if retry := CoolDown(dir); retry.After(time.Now()) {
		r.Outcome, r.Retry = CoolingDown, retry
		r.Detail = "no mirror is asked before " + retry.UTC().Format(time.RFC3339)
		return r, nil
	}
	conf, err := cfg.render(dir, os.Geteuid() == 0)
	if err != nil {
		return r, err
	}
	file, err := os.CreateTemp("", "freshclam-*.conf")
	if err != nil {
		return r, fmt.Errorf("write freshclam.conf: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(conf)
	if err = errors.Join(err, file.Close()); err != nil {
		return r, fmt.Errorf("write freshclam.conf: %w", err)
	}
	out, err := execute(ctx, cfg.program(), "--config-file="+file.Name(), "--stdout")
	if err != nil {
		return r, err
	}
	r.After = ReadHeaders(dir)
	r.decideOutcome(out, CoolDown(dir), time.Now())
	return r, nil
}

// ReadHeaders reads the headers of the containers in dir. If a set has both a .cvd and a .cld, as
// between the two steps of a replacement, the newer one counts.
func ReadHeaders(dir string) Headers {
	headers := Headers{}
	for _, pattern := range []string{"*.cvd", "*.cld"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern)) // only a malformed pattern is an error
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
			h, err := readHeader(path)
			if old, ok := headers[name]; err == nil && (!ok || old.Version < h.Version) {
				headers[name] = h
			}
		}
	}
	return headers
}

func readHeader(path string) (definitions.Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return definitions.Header{}, err
	}
	defer f.Close()
	return definitions.ReadHeader(f)
}

// program returns the path of freshclam.
func (c Config) program() string {
	if c.Program != "" {
		return c.Program
	}
	path, _ := exec.LookPath("freshclam")
	return cmp.Or(path, "/usr/bin/freshclam")
}

// freshclamOutput is what a run of freshclam printed and how it ended.
type freshclamOutput struct {
	code int    // exit code, -1 after a signal
	text string // standard output and standard error
}

// maxOutput is how many bytes of output are kept. A run with three databases and many incremental
// updates prints less.
const maxOutput = 256 << 10

// execute runs a program and returns its output. It is no error if the program fails.
func execute(ctx context.Context, program string, args ...string) (freshclamOutput, error) {
	var printed limitedBuffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return freshclamOutput{}, fmt.Errorf("run freshclam: %w", context.Cause(ctx))
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return freshclamOutput{}, fmt.Errorf("run freshclam: %w", err)
	}
	return freshclamOutput{code: cmd.ProcessState.ExitCode(), text: string(printed)}, nil
}
