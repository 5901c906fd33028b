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
	var alone, ours []time.Duration
	var memory float64
	for i := range times {
		content := text(i, l.amount.Size)
		a, rss, err := l.coldClamd(ctx, databases, content)
		if err != nil {
			return err
		}
		o, err := l.coldScan(ctx, volume, content)
		if err != nil {
			return err
		}
		alone, ours, memory = append(alone, a), append(ours, o), max(memory, rss)
	}
	a, o := percentile(alone, 50).Seconds(), percentile(ours, 50).Seconds()
	name := "cold start to first verdict, " + what + ": "
	l.report.plain(name+"clamd alone", a, "s")
	l.report.plain(name+"memory of clamd", memory, "MB")
	l.report.atMost(name+"scan environment, more than clamd", o-a, "s", 1)
	return nil
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

func (l *lab) coldClamd(ctx context.Context, databases string, content []byte) (took time.Duration, memory float64, err error) {
	path := filepath.Join(l.work, "first.txt")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return 0, 0, fmt.Errorf("write file: %w", err)
	}
	start := time.Now()
	c, err := l.startClamd(ctx, databases)
	if err != nil {
		return 0, 0, err
	}
	err = c.scan(path)
	took = time.Since(start)
	memory, memoryErr := processMemory(c.cmd.Process.Pid, "VmRSS")
	return took, memory, errors.Join(err, memoryErr, c.stop())
}

func (l *lab) coldScan(ctx context.Context, volume string, content []byte) (time.Duration, error) {
	sum := sha256.Sum256(content)
	j := job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: "bench", Key: "first.txt", Size: int64(len(content)), Sequencer: "1"},
		Work:    &job.Work{File: "first", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Fetches: 1},
	}
	event, err := json.Marshal(j)
	if err != nil {
		return 0, fmt.Errorf("encode the job: %w", err)
	}
	work := filepath.Join(volume, "lazaret", "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return 0, fmt.Errorf("create work folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, j.Work.File), content, 0o600); err != nil {
		return 0, fmt.Errorf("write work file: %w", err)
	}
	start := time.Now()
	e, err := l.startFunction(ctx, "scan", volume, nowhere)
	if err != nil {
		return 0, err
	}
	defer e.stop()
	out, err := e.invoke(ctx, event)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(out, &j); err != nil {
		return 0, fmt.Errorf("decode the job: %w", err)
	}
	if j.Scan == nil {
		return 0, errors.New("the scan function gave no verdict")
	}
	return took, mustBeClean("first.txt", string(j.Scan.Verdict))
}
