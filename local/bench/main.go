// Command bench measures Lazaret on one computer: `make bench`. It starts the local stack, single functions and clamd
// as processes, gives them generated files, and prints a table of figures and aims. Where possible a figure is compared
// with clamd alone in the same run, because a ratio is the same on another computer and a rate is not. The command
// contacts loopback only, keeps its data in one temporary folder and ends every process that it has started.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// measurement is a named part of the benchmark. It adds rows to the report.
type measurement struct {
	name, title string
	about       string // for the document, in lines of at most 120 columns
	run         func(context.Context, *benchmark) error
}

// measurements returns all measurements in the order of the table.
func measurements() []measurement {
	return []measurement{
		{
			"latency", "One upload at a time",
			`The PUT is acknowledged, and the verdict's tag can be read some milliseconds later. Nothing else is in work.`,
			measureLatency,
		},
		{
			"drain", "Many uploads at once",
			`2,000 objects of 10 KB are uploaded as fast as 20 clients can, and wait in the queue until an engine is free. The
processor time is that of all processes of the stack. One clamd, which two clients ask, scans the same files without
Lazaret.`,
			measureDrain,
		},
		{
			"growth", "More and more waiting objects",
			`The time for each object, and the memory, must not depend on how many wait.`,
			measureGrowth,
		},
		{
			"rescans", "Uploads beside rescans",
			`Objects are uploaded at a steady pace while all objects of a burst are scanned again from the queue of rescans.`,
			measureRescans,
		},
		{
			"clamscan", "clamscan for each file",
			`Other solutions start clamscan for each file, which loads the definitions each time.`,
			measureClamscan,
		},
		{
			"engine", "One environment",
			`On Lambda an environment has one invocation at a time, and is paid for by its memory and time. Files for a GB-second
are what that memory could do if the engine were asked about several files at once.`,
			measureEngine,
		},
		{
			"fetch", "One large object",
			`The fetch function downloads an object in parts and hashes it meanwhile. s5cmd downloads the same object, and
sha256sum hashes it then.`,
			measureFetch,
		},
		{
			"cold", "Cold starts of the engine",
			`From the start of an environment to its first verdict, beside a clamd that is started without Lazaret.`,
			measureCold,
		},
		{
			"functions", "Cold starts of the small functions",
			`The size of the zip file, the time until the function asks for its first event, and its memory then.`,
			measureFunctions,
		},
		{
			"times", "Processor time of each function",
			`What lazaret plan reckons with: processor times depend little on what else the computer does.`,
			measureTimes,
		},
		{
			"prediction", "The simulation of lazaret plan",
			`Bursts are predicted from the time of one object at a time, and then measured.`,
			measurePrediction,
		},
		{
			"soak", "Minutes of uploads",
			`Memory and descriptors of all processes of the stack must not grow.`,
			measureSoak,
		},
	}
}

// benchmark is what all measurements share.
type benchmark struct {
	root    string                // of the repository, with bin/ and build/
	work    string                // temporary folder
	app     *template.Application // with the bucket layout that has every function
	s5cmd   string                // path of the program
	amount  amounts
	report  *report
	content int // number of the next content of a burst
}

// amounts say how much is measured.
type amounts struct {
	Uploads    int           `json:"uploads"`    // one at a time
	Objects    int           `json:"objects"`    // at once
	Size       int           `json:"size"`       // of each of them, in bytes
	Waiting    []int         `json:"waiting"`    // objects in bursts that grow
	Large      int64         `json:"large"`      // of the object that is fetched, in bytes
	Fetches    int           `json:"fetches"`    // of that object
	Signatures float64       `json:"signatures"` // share of the official set
	Starts     int           `json:"starts"`     // of each function
	Clamscans  int           `json:"clamscans"`  // files for clamscan
	Soak       time.Duration `json:"soak"`       // in ns
	Timed      int           `json:"timed"`      // objects for the processor time of each function
	Predicted  int           `json:"predicted"`  // objects at once whose drain is predicted
	Loads      []int         `json:"loads"`      // values of MaxConcurrentScans for it
}

// fullAmounts are large enough for medians.
func fullAmounts() amounts {
	return amounts{
		Uploads: 500, Objects: 2000, Size: 10_000, Waiting: []int{100, 1000, 10_000}, Large: 1 << 30, Fetches: 3,
		Signatures: 1, Starts: 15, Clamscans: 20, Timed: 200, Predicted: 300, Loads: []int{1, 2, 4},
	}
}

// quickAmounts are as small as they can be while everything is still measured.
func quickAmounts() amounts {
	return amounts{
		Uploads: 2, Objects: 4, Size: 10_000, Waiting: []int{4, 8}, Large: 20 << 20, Fetches: 1, Signatures: 0.0001,
		Starts: 1, Clamscans: 1, Soak: time.Second, Timed: 1, Predicted: 4, Loads: []int{2},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := &benchmark{amount: fullAmounts()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.root, "root", ".", "the repository, after make build")
	flags.StringVar(&b.s5cmd, "s5cmd", "", "path of s5cmd, for comparison (default none: no comparison)")
	out := flags.String("json", "", "file for the figures (default build/bench.json in the repository)")
	only := flags.String("only", "", "comma-separated measurements (default all): "+names())
	small := flags.Bool("quick", false, "measure the smallest amounts, to test this command")
	soak := flags.Duration("soak", 0, "how long the soak takes with each workflow (default none), such as 10m")
	document := flags.String("document", "", "Markdown file to write the figures into, if others have not spoilt them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *small {
		b.amount = quickAmounts()
	} else {
		b.amount.Soak = *soak
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	defer removeWork(b.work)
	for _, m := range measurements() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), m.name) || m.name == "soak" && b.amount.Soak == 0 {
			continue
		}
		b.report.begin(m)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	if *out == "" {
		*out = filepath.Join(b.root, "build", "bench.json")
	}
	if err := b.report.write(*out); err != nil || *document == "" {
		return err
	}
	return b.report.writeDocument(*document)
}

func (b *benchmark) open(ctx context.Context) (err error) {
	if b.root, err = filepath.Abs(b.root); err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	b.app, err = template.Load(filepath.Join(b.root, "template.yaml"), template.Options{
		Parameters: map[string]string{"BucketLayout": "three-bucket"},
	})
	if err != nil {
		return err
	}
	if b.s5cmd != "" {
		if b.s5cmd, err = exec.LookPath(b.s5cmd); err != nil {
			return fmt.Errorf("find s5cmd, for comparison: %w", err)
		}
	}
	engine, err := exec.CommandContext(ctx, clamdProgram(), "--version").Output()
	if err != nil {
		return fmt.Errorf("ask clamd for its version: %w", err)
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(engine)), "/")
	if b.work, err = os.MkdirTemp("", "lazaret-bench-"); err != nil {
		return fmt.Errorf("create temporary folder: %w", err)
	}
	b.report = newReport(b.amount, version, b.work, os.Stdout)
	return nil
}

// dir creates a folder for a measurement.
func (b *benchmark) dir(name string) (string, error) {
	dir := filepath.Join(b.work, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create folder %s: %w", name, err)
	}
	return dir, nil
}

// removeWork removes the temporary folder.
func removeWork(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench: remove temporary folder:", err)
	}
}

func names() string {
	var all []string
	for _, m := range measurements() {
		all = append(all, m.name)
	}
	return strings.Join(all, ",")
}
