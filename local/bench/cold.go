package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
)

// measureCold compares the time from the start of a scan environment to its first verdict with the time of clamd alone:
// with the test definitions, which load at once, and with definitions of the official size.
func measureCold(ctx context.Context, b *benchmark) error {
	if err := b.coldScans(ctx, "test definitions", "", b.amount.Starts); err != nil {
		return err
	}
	databases, err := b.databases()
	if err != nil {
		return err
	}
	return b.coldScans(ctx, "real size", databases, min(3, b.amount.Starts))
}

// databases returns the folder with definitions of the official size, which it creates once.
func (b *benchmark) databases() (string, error) {
	dir := filepath.Join(b.work, "databases")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, writeSignatures(dir, b.amount.Signatures)
}

// coldScans starts clamd and the scan function in turns, so that other work slows both in the same way.
func (b *benchmark) coldScans(ctx context.Context, what, databases string, times int) error {
	volume, err := os.MkdirTemp(b.work, "volume-")
	if err != nil {
		return fmt.Errorf("create volume: %w", err)
	}
	if err := b.publish(ctx, volume, databases); err != nil {
		return err
	}
	var ofClamd, ofScan starts
	var memory float64
	watching, err := beginWatch()
	if err != nil {
		return err
	}
	for i := range times {
		content := text(i, b.amount.Size)
		rss, err := b.coldClamd(ctx, databases, content, &ofClamd)
		if err != nil {
			return err
		}
		if err := b.coldScan(ctx, volume, content, &ofScan); err != nil {
			return err
		}
		memory = max(memory, rss)
	}
	name := what + ": "
	l, err := watching.end()
	if err != nil {
		return err
	}
	b.report.during(load{}).plain(name+"memory of clamd", memory, "MB")
	f := b.report.during(l)
	f.plain(name+"clamd alone", percentile(ofClamd.took, 50).Seconds(), "s")
	more := percentile(ofScan.took, 50) - percentile(ofClamd.took, 50)
	f.atMost(name+"scan environment, more than clamd", more.Seconds(), "s", 1)
	more = percentile(ofScan.processor, 50) - percentile(ofClamd.processor, 50)
	f.plain(name+"scan environment, more processor time", more.Seconds(), "s")
	return nil
}

// starts are the times, and the processor times, from starts to first verdicts.
type starts struct{ took, processor []time.Duration }

// add records a start whose first verdict has just come.
func (s *starts) add(start time.Time, pid int) error {
	s.took = append(s.took, time.Since(start))
	used, err := processorTime(pid)
	s.processor = append(s.processor, used)
	return err
}

// publish publishes definitions on the volume, for the scan function.
func (b *benchmark) publish(ctx context.Context, volume, databases string) error {
	if databases == "" {
		databases = filepath.Join(volume, "test-definitions")
		if err := definitions.WriteTest(databases); err != nil {
			return err
		}
	}
	_, err := definitions.Open(filepath.Join(volume, "lazaret", "definitions")).Publish(ctx, databases)
	return err
}

func (b *benchmark) coldClamd(
	ctx context.Context,
	databases string,
	content []byte,
	s *starts,
) (memory float64, err error) {
	path := filepath.Join(b.work, "first.txt")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return 0, fmt.Errorf("write file: %w", err)
	}
	start := time.Now()
	c, err := b.startClamd(ctx, databases)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.scan(path); err != nil {
		return 0, err
	}
	if err := s.add(start, c.cmd.Process.Pid); err != nil {
		return 0, err
	}
	return processMemory(c.cmd.Process.Pid, "VmRSS")
}

func (b *benchmark) coldScan(ctx context.Context, volume string, content []byte, s *starts) (err error) {
	event, err := scanEvent(volume, "first", content)
	if err != nil {
		return err
	}
	endpoint, stop, err := emptyS3()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	start := time.Now()
	e, err := b.startFunction(ctx, "scan", volume, endpoint)
	if err != nil {
		return err
	}
	defer e.stop()
	if err := e.scan(ctx, event); err != nil {
		return err
	}
	return s.add(start, e.cmd.Process.Pid)
}

// scanEvent writes a work file to a volume, and returns the event with which the scan function scans it.
func scanEvent(volume, name string, content []byte) ([]byte, error) {
	sum := sha256.Sum256(content)
	j := job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: "bench", Key: name + ".txt", Size: int64(len(content)), Sequencer: "1"},
		Work:    &job.Work{File: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Fetches: 1},
	}
	work := filepath.Join(volume, "lazaret", "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, fmt.Errorf("create work folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, j.Work.File), content, 0o600); err != nil {
		return nil, fmt.Errorf("write work file: %w", err)
	}
	event, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode the job: %w", err)
	}
	return event, nil
}

// scan invokes the scan function, whose verdict must be CLEAN.
func (e *environment) scan(ctx context.Context, event []byte) error {
	out, err := e.invoke(ctx, event)
	if err != nil {
		return err
	}
	var j job.Job
	if err := json.Unmarshal(out, &j); err != nil {
		return fmt.Errorf("decode the job: %w", err)
	}
	if j.Scan == nil {
		return errors.New("scan a file: the function returned no verdict")
	}
	return mustBeClean(j.Object.Key, string(j.Scan.Verdict))
}
