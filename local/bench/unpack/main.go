// Command unpack measures package unpack on files that are known to be harmless:
// how many of those in which clamd finds nothing are refused, why, and what it
// costs to show clamd every piece. It reads folders and prints a report; it
// changes nothing and is part of no function.
//
//	go -C local run ./bench/unpack [-db folder] [-every n] [-max bytes] [-parallel n] folder...
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/answer"
	"github.com/lazaret/lazaret/internal/unpack/formats"
)

func main() {
	m := measurement{refused: map[string][]string{}}
	db := flag.String("db", "", "folder with definitions; the test definitions if empty")
	flag.IntVar(&m.every, "every", 1, "take every n-th file")
	flag.Int64Var(&m.most, "max", 256<<20, "leave out larger files, in bytes")
	flag.IntVar(&m.checker.Parallel, "parallel", 2, "pieces that clamd is asked about at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	m.checker.Formats = formats.All()
	m.checker.Spent = func(s unpack.Spent) { m.asked += s.Asked }
	if err := m.run(ctx, *db, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

type measurement struct {
	every   int
	most    int64 // bytes of a file
	checker unpack.Checker
	engine  *clamav.Engine

	met     int // files, those that are left out too
	files   int
	bytes   int64
	other   int           // in which clamd by itself finds something, or reaches a limit
	asked   int           // pieces, the files themselves among them
	alone   time.Duration // of clamd about the files themselves
	whole   time.Duration // of unpack, which asks about them again
	slow    []string
	refused map[string][]string // by reason
}

func (m *measurement) run(ctx context.Context, db string, roots []string) error {
	dir, err := os.MkdirTemp("", "unpack-bench-")
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
	if m.engine, err = clamav.Start(clamav.Config{RunDir: dir, Threads: m.checker.Parallel}, g); err != nil {
		return err
	}
	err = m.engine.Ready(ctx)
	for _, root := range roots {
		if err == nil {
			err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				return m.take(ctx, path, d, err)
			})
		}
	}
	if err := errors.Join(err, m.engine.Stop()); err != nil {
		return err
	}
	m.report()
	return nil
}

// take takes every n-th file: folders and files that cannot be read are passed.
func (m *measurement) take(ctx context.Context, path string, d fs.DirEntry, err error) error {
	if err != nil || !d.Type().IsRegular() {
		return nil
	}
	if m.met++; m.met%m.every != 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > m.most || info.Size() == 0 {
		return nil
	}
	if err := m.file(ctx, path, f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (m *measurement) file(ctx context.Context, path string, f *os.File, size int64) error {
	hash := sha256.New() // which also brings the file into memory, for both measurements
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, size)); err != nil {
		return err
	}
	began := time.Now()
	got, err := m.engine.Scan(ctx, f)
	if err != nil {
		return err
	}
	alone := time.Since(began)
	if got.Outcome != clamav.Clean && got.Outcome != clamav.Unexamined {
		m.other++
		fmt.Printf("clamd: %s %s %s\n", got.Outcome, got.Signature, path)
		return nil
	}
	began = time.Now()
	found, err := m.checker.Check(ctx, f, size, unpack.Sum(hash.Sum(nil)), m.ask)
	if err != nil {
		return err
	}
	whole := time.Since(began)
	m.files, m.bytes, m.alone, m.whole = m.files+1, m.bytes+size, m.alone+alone, m.whole+whole
	if whole > 2*alone+2*time.Second {
		m.slow = append(m.slow, fmt.Sprintf("%s: %d bytes, clamd %s, unpack %s", path, size, alone, whole))
	}
	if found.Outcome != unpack.Clean {
		key := string(found.Outcome) + " " + string(found.Reason)
		m.refused[key] = append(m.refused[key], path+": "+found.Detail)
	}
	return nil
}

// ask is clamd as an unpack.Engine.
func (m *measurement) ask(ctx context.Context, f *os.File, _ unpack.Sum) (unpack.Finding, error) {
	got, err := m.engine.Scan(ctx, f)
	switch {
	case err != nil:
		return unpack.Finding{}, err
	case got.Outcome == clamav.Unexamined: // a piece of fewer bytes than clamd looks at
		return unpack.Finding{Outcome: unpack.Clean}, nil
	}
	return answer.Of(got)
}

func (m *measurement) report() {
	total := 0
	for key, files := range m.refused {
		total += len(files)
		fmt.Printf("\n%s: %d\n", key, len(files))
		for _, f := range files[:min(len(files), 60)] {
			fmt.Printf("  %q\n", f)
		}
	}
	slices.Sort(m.slow)
	for _, s := range m.slow {
		fmt.Println("slow:", s)
	}
	percent := func(part, of float64) float64 { return 100 * part / max(of, 1) }
	fmt.Printf("\n%d files, %d MB; clamd itself objects to %d; refused %d (%.3f %%)\n",
		m.files, m.bytes>>20, m.other, total, percent(float64(total), float64(m.files)))
	fmt.Printf("%d pieces shown beside the files themselves\n", m.asked-m.files)
	fmt.Printf("time: clamd about the files alone %s, with unpack %s: %.1f %% more\n",
		m.alone, m.whole, percent(float64(m.whole-m.alone), float64(m.alone)))
	// Other work on the machine stretches time, not processor time. clamd's holds its
	// start, and both of its scans of each file.
	own, theirs := processor(unix.RUSAGE_SELF), processor(unix.RUSAGE_CHILDREN)
	fmt.Printf("processor time: clamd %s, this program %s\n", theirs, own)
}

func processor(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
