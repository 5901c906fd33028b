// Command coverage measures package coverage on files that are known to be
// harmless: how many of those that clamd calls OK are refused, why, and which
// share of the scan time the check costs. It reads folders and prints a report;
// it changes nothing and is part of no function.
//
//	go run ./bench/coverage [-db folder] [-every n] [-max bytes] folder...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/coverage"
	"github.com/lazaret/lazaret/internal/definitions"
)

func main() {
	db := flag.String("db", "", "folder with definitions; the test definitions if empty")
	every := flag.Int("every", 1, "take every n-th file")
	most := flag.Int64("max", 256<<20, "leave out larger files, in bytes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *db, *every, *most, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, db string, every int, most int64, roots []string) error {
	dir, err := os.MkdirTemp("", "coverage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if db == "" {
		db = filepath.Join(dir, "db")
		if err := definitions.WriteTest(db); err != nil {
			return err
		}
	}
	g, err := definitions.Inspect(ctx, db)
	if err != nil {
		return err
	}
	engine, err := clamav.Start(clamav.Config{RunDir: dir}, g)
	if err != nil {
		return err
	}
	if err := engine.Ready(ctx); err != nil {
		return errors.Join(err, engine.Stop())
	}
	m := measurement{engine: engine, refused: map[string][]string{}}
	seen := 0
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			if seen++; seen%every != 0 {
				return nil
			}
			return m.file(ctx, path, most)
		})
		if err != nil {
			return err
		}
	}
	m.report()
	// Other work on the machine stretches time, not processor time. The engine's
	// holds its start, once.
	own := processor(unix.RUSAGE_SELF)
	if err := engine.Stop(); err != nil {
		return err
	}
	theirs := processor(unix.RUSAGE_CHILDREN)
	fmt.Printf("processor time: engine %s, coverage %s (%.1f %% of both)\n", theirs, own, 100*float64(own)/float64(own+theirs))
	return nil
}

func processor(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type measurement struct {
	engine  *clamav.Engine
	files   int
	bytes   int64
	other   int                 // that clamd does not call OK
	members int                 // shown to the engine by coverage
	scan    time.Duration       // of clamd, alone
	check   time.Duration       // of coverage, with what it asked clamd
	again   time.Duration       // of that, clamd
	times   []time.Duration     // of coverage, of files that are no containers
	refused map[string][]string // by reason
}

func (m *measurement) file(ctx context.Context, path string, most int64) error {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > most {
		return nil
	}
	began := time.Now()
	got, err := m.engine.Scan(ctx, f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m.scan += time.Since(began)
	m.files++
	m.bytes += info.Size()
	if got.Outcome != clamav.Clean && got.Outcome != clamav.Unexamined {
		m.other++
		fmt.Printf("clamd: %s %s %s\n", got.Outcome, got.Signature, path)
		return nil
	}
	began = time.Now()
	again := m.again
	found, err := coverage.Checker{}.Check(ctx, f, info.Size(), m.member)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	took := time.Since(began)
	m.check += took
	if took-(m.again-again) > 2*time.Second {
		fmt.Printf("slow: %s of %d bytes: %s, of which clamd %s\n", path, info.Size(), took, m.again-again)
	}
	if m.again == again {
		m.times = append(m.times, took)
	}
	if found.Outcome != coverage.Covered {
		key := string(found.Outcome) + " " + string(found.Reason)
		m.refused[key] = append(m.refused[key], path+": "+found.Detail)
	}
	return nil
}

// member is the Scanner: clamd about one member, timed.
func (m *measurement) member(ctx context.Context, f *os.File) (coverage.Finding, error) {
	began := time.Now()
	got, err := m.engine.Scan(ctx, f)
	m.again += time.Since(began)
	m.members++
	if err == nil && got.Outcome == clamav.Found {
		return coverage.Finding{Outcome: coverage.Found, Signature: got.Signature}, nil
	}
	return coverage.Finding{Outcome: coverage.Covered}, err
}

func (m *measurement) report() {
	n := 0
	for key, files := range m.refused {
		n += len(files)
		fmt.Printf("\n%s: %d\n", key, len(files))
		for _, f := range files[:min(len(files), 60)] {
			fmt.Printf("  %q\n", f)
		}
	}
	slices.Sort(m.times)
	fmt.Printf("\n%d files, %d MB; clamd itself objects to %d; refused %d (%.3f %%); %d members shown\n",
		m.files, m.bytes>>20, m.other, n, 100*float64(n)/float64(max(m.files-m.other, 1)), m.members)
	fmt.Printf("clamd %s; coverage %s, of which clamd %s; own share %.1f %%, all of it %.1f %%\n", m.scan, m.check, m.again,
		100*float64(m.check-m.again)/float64(m.scan+m.check), 100*float64(m.check)/float64(m.scan+m.check))
	if len(m.times) > 0 {
		fmt.Printf("coverage of a file of which nothing is shown again: median %s, p95 %s, p99 %s\n", m.times[len(m.times)/2], m.times[len(m.times)*95/100], m.times[len(m.times)*99/100])
	}
}
