// Command chaos uploads objects of every kind to a local stack while it breaks the stack in every way that it knows,
// and then accounts for each version: `make chaos`. Nothing may be lost, no infected object may be CLEAN or readable at
// any moment, and no tag or metadata of an uploader may be lost.
//
// Objects and faults follow from the seed alone. A fault begins when a given number of uploads has begun, and whether a
// call of a function is disturbed depends on the call. Processes and timing are real, so that two runs of one seed
// never meet in exactly the same way; a seed that has found a defect finds it again more often than another.
//
// The exit code is 0 if the account is in order, 1 if it is not, and 2 if the run could not be made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// config says what is run.
type config struct {
	root     string // the repository, with bin/ and build/
	seed     uint64
	objects  int     // uploads
	faults   int     // of the schedule; those of single calls come in addition
	rate     float64 // share of the functions' calls that are disturbed, 0 to 1
	layout   string  // BucketLayout
	workflow string  // Workflow
	engines  int     // MaxConcurrentScans
	scale    float64 // --time-scale of the stack
	limit    time.Duration
	list     string // file for the list of all versions
}

func main() { os.Exit(command(os.Args[1:])) }

// command runs the program and returns its exit code.
func command(args []string) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && !hasOwnMounts() {
		if code, err := runWithOwnMounts(args); err == nil {
			return code
		}
		// Where namespaces are refused, the full disk is left out of the schedule, which then says so.
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	wrongs, err := newRun(c, os.Stdout).do(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 2
	case len(wrongs) > 0:
		return 1
	}
	return 0
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&c.root, "root", ".", "the repository, after make build")
	flags.Uint64Var(&c.seed, "seed", 1, "what objects and faults follow from")
	flags.IntVar(&c.objects, "objects", 2000, "how many objects are uploaded")
	flags.IntVar(&c.faults, "faults", -1, "how many faults are scheduled (default: one for 20 objects, 12 at least)")
	flags.Float64Var(&c.rate, "rate", 0.04, "share of the functions' calls that are disturbed, 0 to 1")
	flags.StringVar(&c.layout, "layout", "two-bucket", "two-bucket or three-bucket")
	flags.StringVar(&c.workflow, "workflow", "STANDARD", "STANDARD or EXPRESS")
	flags.IntVar(&c.engines, "engines", 4, "MaxConcurrentScans")
	flags.Float64Var(&c.scale, "time-scale", 50, "makes the intervals of Retry this many times shorter")
	flags.DurationVar(&c.limit, "limit", time.Hour, "the longest that the run may take")
	flags.StringVar(&c.list, "list", "", "file for the list of all versions (default build/chaos.tsv)")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.faults < 0 {
		c.faults = max(12, c.objects/20)
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	case c.objects < 1 || c.engines < 1 || c.scale <= 0 || c.limit <= 0:
		err = errors.New("-objects, -engines, -time-scale and -limit must be more than 0")
	case c.rate < 0 || c.rate > 1:
		err = fmt.Errorf("-rate %v: want 0 to 1", c.rate)
	case !slices.Contains([]string{"two-bucket", "three-bucket"}, c.layout):
		err = fmt.Errorf("-layout %q: want two-bucket or three-bucket", c.layout)
	case !slices.Contains([]string{"STANDARD", "EXPRESS"}, c.workflow):
		err = fmt.Errorf("-workflow %q: want STANDARD or EXPRESS", c.workflow)
	}
	if err != nil {
		return c, err
	}
	if c.root, err = filepath.Abs(c.root); err != nil {
		return c, fmt.Errorf("find the repository: %w", err)
	}
	if c.list == "" {
		c.list = filepath.Join(c.root, "build", "chaos.tsv")
	}
	return c, nil
}
