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

// measureCold compares the time from the start of a scan environment to its
// first verdict with that of clamd alone: first with test definitions, where
// the difference is all there is, then with those of the real set's size.
func measureCold(ctx context.Context, l *lab) error {
	if err := l.coldScans(ctx, "test definitions", "", l.amount.Starts); err != nil {
		return err
	}
	databases, err := l.databases()
	if err != nil {
		return err
	}
	return l.coldScans(ctx, "definitions of the real size", databases, min(3, l.amount.Starts))
}

// databases are the definitions of the real set's size, made once a run.
func (l *lab) databases() (string, error) {
	dir := filepath.Join(l.work, "databases")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, writeSignatures(dir, l.amount.Signatures)
}

// coldScans takes turns, so that both meet the same load.
func (l *lab) coldScans(ctx context.Context, what, databases string, times int) error {
	volume, err := os.MkdirTemp(l.work, "volume-")
	if err != nil {
		return fmt.Errorf("create volume: %w", err)
	}
	if err := l.publish(ctx, volume, databases); err != nil {
		return err
	}
	var alone, ours series
	var memory float64
	for i := range times {
		content := text(i, l.amount.Size)
		rss, err := l.coldClamd(ctx, databases, content, &alone)
		if err != nil {
			return err
		}
		if err := l.coldScan(ctx, volume, content, &ours); err != nil {
			return err
		}
		memory = max(memory, rss)
	}
	name := "cold start to first verdict, " + what + ": "
	l.report.plain(name+"memory of clamd", memory, "MB")
	l.report.plain(name+"clamd alone", percentile(alone.took, 50).Seconds(), "s")
	more := percentile(ours.took, 50) - percentile(alone.took, 50)
	l.report.atMost(name+"scan environment, more than clamd", more.Seconds(), "s", 1)
	more = percentile(ours.processor, 50) - percentile(alone.processor, 50)
	l.report.plain(name+"scan environment, more processor time", more.Seconds(), "s")
	return nil
}

// series are the starts of one kind.
type series struct{ took, processor []time.Duration }

// add notes a start that has just come to its verdict.
func (s *series) add(start time.Time, pid int) error {
	s.took = append(s.took, time.Since(start))
	used, err := processorTime(pid)
	s.processor = append(s.processor, used)
	return err
}

// publish puts definitions where the scan function looks for them.
func (l *lab) publish(ctx context.Context, volume, databases string) error {
	if databases == "" {
		databases = filepath.Join(volume, "test-definitions")
		if err := definitions.WriteTest(databases); err != nil {
			return err
		}
	}
	_, err := definitions.Open(filepath.Join(volume, "lazaret", "definitions")).Publish(ctx, databases)
	return err
}

func (l *lab) coldClamd(ctx context.Context, databases string, content []byte, s *series) (memory float64, err error) {
	path := filepath.Join(l.work, "first.txt")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return 0, fmt.Errorf("write file: %w", err)
	}
	start := time.Now()
	c, err := l.startClamd(ctx, databases)
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

func (l *lab) coldScan(ctx context.Context, volume string, content []byte, s *series) error {
	sum := sha256.Sum256(content)
	j := job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: "bench", Key: "first.txt", Size: int64(len(content)), Sequencer: "1"},
		Work:    &job.Work{File: "first", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Fetches: 1},
	}
	event, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the job: %w", err)
	}
	work := filepath.Join(volume, "lazaret", "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("create work folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, j.Work.File), content, 0o600); err != nil {
		return fmt.Errorf("write work file: %w", err)
	}
	start := time.Now()
	e, err := l.startFunction(ctx, "scan", volume, nowhere)
	if err != nil {
		return err
	}
	defer e.stop()
	out, err := e.invoke(ctx, event)
	if err != nil {
		return err
	}
	if err := s.add(start, e.cmd.Process.Pid); err != nil {
		return err
	}
	if err := json.Unmarshal(out, &j); err != nil {
		return fmt.Errorf("decode the job: %w", err)
	}
	if j.Scan == nil {
		return errors.New("the scan function gave no verdict")
	}
	return mustBeClean("first.txt", string(j.Scan.Verdict))
}
