package unpacktest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/answer"
)

var update = flag.Bool("update", false, "write what clamd says about the samples to testdata")

// Main is TestMain of a package whose tests call Try. After the tests it stops the
// clamd that Try has started, and compares what clamd said about each sample with
// the list in testdata: all differences together are one failure of the package.
// With -update it writes the list instead.
func Main(m *testing.M) {
	code := m.Run()
	clamd.counts.print()
	if err := clamd.end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = cmp.Or(code, 1)
	}
	os.Exit(code)
}

// engine is the real clamd of one test program, started when it is first needed.
type engine struct {
	once   sync.Once
	clamd  *clamav.Engine
	dir    string
	err    error
	series string // of clamd's version, such as 1.4

	mu   sync.Mutex
	said opinions // in this run

	counts counts
}

var clamd engine

// start starts the clamd at path, in the first call.
func (e *engine) start(path string) error {
	e.once.Do(func() { e.err = e.launch(path) })
	return e.err
}

func (e *engine) launch(path string) error {
	dir, err := os.MkdirTemp("", "unpack-test-")
	if err != nil {
		return err
	}
	e.dir = dir
	db := filepath.Join(dir, "db")
	if err := definitions.WriteTest(db); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g, err := definitions.Inspect(ctx, db)
	if err != nil {
		return err
	}
	if e.clamd, err = clamav.Start(clamav.Config{Clamd: path, RunDir: dir, Threads: 4}, g); err != nil {
		return err
	}
	if err := e.clamd.Ready(ctx); err != nil {
		return err
	}
	f, err := scratch.File(dir, Pages(100))
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := e.clamd.Scan(ctx, f)
	if err != nil {
		return err
	}
	parts := strings.SplitN(strings.TrimPrefix(got.Engine, "ClamAV "), ".", 3)
	e.series = strings.Join(parts[:min(2, len(parts))], ".")
	e.said = opinions{}
	return nil
}

// end stops clamd, and compares or writes what it said.
func (e *engine) end() error {
	if e.dir == "" {
		return nil
	}
	defer os.RemoveAll(e.dir)
	if e.clamd == nil {
		return nil
	}
	err := e.clamd.Stop()
	if len(e.said) == 0 {
		return err
	}
	list := filepath.Join("testdata", "clamd-"+e.series+".txt")
	listed, readErr := readOpinions(list)
	missing := errors.Is(readErr, os.ErrNotExist)
	switch {
	case *update && (missing || readErr == nil):
		return errors.Join(err, listed.write(list, e.said))
	case missing:
		fmt.Printf("%s does not exist: what clamd %s says alone is not compared (go test -update writes it)\n",
			list, e.series)
		return err
	case readErr != nil:
		return errors.Join(err, readErr)
	}
	if differences := listed.compare(e.said); len(differences) > 0 {
		err = errors.Join(err, fmt.Errorf("clamd alone says something else than %s about %d samples (go test -update):\n%s",
			list, len(differences), strings.Join(differences, "\n")))
	}
	return err
}

// alone is what clamd says about a whole sample, without this package unpacking: OK,
// or a signature. The answer is noted for end.
func (e *engine) alone(t testing.TB, content []byte) string {
	t.Helper()
	f, err := scratch.File(e.dir, content)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := e.clamd.Scan(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	said := got.Signature
	if got.Outcome == clamav.Clean || got.Outcome == clamav.Unexamined {
		said = "OK"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[t.Name()] = said
	return said
}

// ask is clamd as an unpack.Engine.
func (e *engine) ask(ctx context.Context, f *os.File, _ unpack.Sum) (unpack.Finding, error) {
	got, err := e.clamd.Scan(ctx, f)
	switch {
	case err != nil:
		return unpack.Finding{}, err
	case got.Outcome == clamav.Unexamined:
		return unpack.Finding{Outcome: unpack.Clean}, nil
	}
	return answer.Of(got)
}
