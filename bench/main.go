// Command bench measures Lazaret on one machine: `make bench`. It starts the
// local stack, single functions and clamd itself as processes, sends them files
// of its own making, and prints a table beside what is aimed at. Where it can, a
// figure is set against raw clamd in the same run, because a ratio holds on
// another machine and a rate does not. It contacts nothing but loopback, keeps
// its data in one temporary folder and ends every process that it started.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lazaret/lazaret/local/template"
)

// measurement is one thing to find out. It adds its rows to the lab's report.
type measurement struct {
	name string
	run  func(context.Context, *lab) error
}

// measurements stand in the order of the table.
var measurements = []measurement{
	{"latency", measureLatency},
	{"drain", measureDrain},
	{"fetch", measureFetch},
	{"cold", measureCold},
	{"functions", measureFunctions},
}

// lab is what measurements work with.
type lab struct {
	root   string                // of the repository, with bin/ and build/
	work   string                // temporary folder
	app    *template.Application // in the layout that has every function
	amount amounts
	report *report
}

// amounts say how much is measured. Medians need the full ones; the small ones
// only show that everything runs.
type amounts struct {
	Uploads    int     `json:"uploads"`    // one at a time
	Objects    int     `json:"objects"`    // at once
	Size       int     `json:"size"`       // of each of them, bytes
	Large      int64   `json:"large"`      // the object that is fetched, bytes
	Signatures float64 `json:"signatures"` // share of the real set
	Starts     int     `json:"starts"`     // of each function
}

var (
	full  = amounts{Uploads: 500, Objects: 2000, Size: 10_000, Large: 1 << 30, Signatures: 1, Starts: 15}
	quick = amounts{Uploads: 5, Objects: 20, Size: 10_000, Large: 20 << 20, Signatures: 0.001, Starts: 1}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	l := &lab{amount: full}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&l.root, "root", ".", "the repository, built")
	out := flags.String("json", "", "file for the figures (default build/bench.json in the repository)")
	only := flags.String("only", "", "comma-separated measurements (default all): "+names())
	small := flags.Bool("quick", false, "the smallest amounts, to see that it runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *small {
		l.amount = quick
	}
	if err := l.open(); err != nil {
		return err
	}
	defer removeWork(l.work)
	l.report = newReport(l.amount, os.Stdout)
	for _, m := range measurements {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), m.name) {
			continue
		}
		if err := m.run(ctx, l); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	if *out == "" {
		*out = filepath.Join(l.root, "build", "bench.json")
	}
	return l.report.write(*out)
}

func (l *lab) open() (err error) {
	if l.root, err = filepath.Abs(l.root); err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	l.app, err = template.Load(filepath.Join(l.root, "template.yaml"), template.Options{Parameters: map[string]string{"BucketLayout": "three-bucket"}})
	if err != nil {
		return err
	}
	if l.work, err = os.MkdirTemp("", "lazaret-bench-"); err != nil {
		return fmt.Errorf("create temporary folder: %w", err)
	}
	return nil
}

// dir makes a folder of a measurement's own.
func (l *lab) dir(name string) (string, error) {
	dir := filepath.Join(l.work, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create folder %s: %w", name, err)
	}
	return dir, nil
}

// removeWork removes what was measured with.
func removeWork(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench: remove temporary folder:", err)
	}
}

func names() string {
	var all []string
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return strings.Join(all, ",")
}
