// Package freshclam runs ClamAV's own updater over a folder and says what came
// of it. freshclam's exit status is 0 in many cases in which nothing was
// updated, so the outcome is judged by the headers of the databases before and
// after, and by the cool-down that a mirror asked for; the status only names a
// failure. It never publishes anything and never asks a mirror during a
// cool-down. Package refresh calls it.
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
	// Program is the binary; empty looks for freshclam on PATH and in /usr/bin.
	Program string
	// Mirror is a URL, OfficialMirror if empty.
	Mirror string
	// WholeFiles asks for no incremental updates.
	WholeFiles bool
	// Attempts is how often a mirror that does not answer is asked, 3 if zero.
	// freshclam waits five seconds in between.
	Attempts int
}

// OfficialMirror is ClamAV's own. It is asked by its name and no more often
// than hourly, or it refuses for a day.
const OfficialMirror = "https://database.clamav.net"

// Headers are the database containers of a folder by their name without the
// extension; one that cannot be read is left out.
type Headers map[string]definitions.Header

// Report is what a run did.
type Report struct {
	Outcome Outcome
	Detail  string    // why, in freshclam's words; empty when all went well
	Before  Headers   // what the folder had
	After   Headers   // what it has
	Retry   time.Time // end of the cool-down, zero without one
}

// Run updates the databases in dir, in which freshclam also keeps its note of a
// cool-down. During one it does nothing. dir must not be read by anybody else
// meanwhile. The error is the context's own, or says that freshclam could not
// be run; everything that a mirror can do is in the report.
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
	said, err := execute(ctx, cfg.program(), "--config-file="+file.Name(), "--stdout")
	if err != nil {
		return r, err
	}
	r.After = ReadHeaders(dir)
	r.judge(said, CoolDown(dir), time.Now())
	return r, nil
}

// ReadHeaders reads the headers of the containers in dir. Where there are both
// a .cvd and a .cld, as between the two steps of a replacement, the newer counts.
func ReadHeaders(dir string) Headers {
	headers := Headers{}
	for _, pattern := range []string{"*.cvd", "*.cld"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are good
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

func (c Config) program() string {
	if c.Program != "" {
		return c.Program
	}
	path, _ := exec.LookPath("freshclam")
	return cmp.Or(path, "/usr/bin/freshclam")
}

// speech is what a run of freshclam said and how it ended.
type speech struct {
	code   int // exit code, -1 after a signal
	output string
}

// maxOutput is more than a run with three databases and many patches prints.
const maxOutput = 256 << 10

func execute(ctx context.Context, program string, args ...string) (speech, error) {
	var out capped
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return speech{}, fmt.Errorf("run freshclam: %w", context.Cause(ctx))
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return speech{}, fmt.Errorf("run freshclam: %w", err)
	}
	return speech{code: cmd.ProcessState.ExitCode(), output: string(out)}, nil
}
