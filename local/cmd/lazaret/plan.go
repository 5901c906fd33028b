package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/page"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// planCommand computes cost and time before a deployment.
func planCommand() *cobra.Command {
	flags := planFlags{options: plan.Defaults(), size: 1_000_000}
	cmd := &cobra.Command{
		Use:   "plan [s3://bucket/prefix]",
		Short: "What scanning costs, how long a burst takes, and what saturates first",
		Long: `Compute what Lazaret costs a month on AWS, how long a burst takes, and what
saturates first, for both workflows and beside GuardDuty. Objects come from the
flags, from a listing (--listing), from an S3 inventory (--inventory), or from a
bucket, which is listed with your credentials: a LIST request for each 1,000
objects. A listing is taken as a burst, and what its last 30 days had as a month.

Figures are estimates: list prices of us-east-1 without free tiers, times of one
machine and of what others have published. Nothing was measured on AWS.
--explain shows the arithmetic of each line.`,
		Example: `  lazaret plan --objects-per-day 1M --size 10KB
  lazaret plan --objects-per-day 20k --size 1.5MB --burst 100k --workflow EXPRESS --explain
  aws s3 ls --recursive s3://held | lazaret plan --listing -
  lazaret plan --inventory manifest.json --layout three-bucket --infected-share 0.1%
  lazaret plan s3://held/invoices/ --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.write != "" {
				return flags.writePage(cmd, args)
			}
			return flags.run(cmd, args)
		},
	}
	cmd.Flags().Var(&flags.perDay, "objects-per-day", "`number` of objects that come in a day, evenly: 20000, 20k, 1M")
	cmd.Flags().Var(&flags.size, "size", "`size` of each object: 10KB, 1.5MB, 2GiB")
	cmd.Flags().Var(&flags.burst, "burst", "`number` of objects that come at once")
	cmd.Flags().StringVar(&flags.listing, "listing", "",
		"`file` with what list-objects-v2 or aws s3 ls --recursive printed, or - for standard input")
	cmd.Flags().StringVar(&flags.inventory, "inventory", "",
		"`file` of an S3 inventory: manifest.json, or one of its CSV files")
	cmd.Flags().StringVar(&flags.workflow, "workflow", "",
		"`workflow` of the deployment: STANDARD or EXPRESS (default both)")
	cmd.Flags().StringVar(&flags.layout, "layout", "two-bucket", "`layout` of the deployment: two-bucket or three-bucket")
	cmd.Flags().IntVar(&flags.options.MaxConcurrentScans, "max-concurrent-scans", flags.options.MaxConcurrentScans,
		"parameter MaxConcurrentScans of the deployment")
	cmd.Flags().IntVar(&flags.options.ScanMemory, "scan-memory", flags.options.ScanMemory,
		"parameter ScanMemory of the deployment, in MB")
	cmd.Flags().IntVar(&flags.options.AccountConcurrency, "account-concurrency", 0,
		"the account's quota of concurrent Lambda invocations (default AWS's, 1000)")
	cmd.Flags().Var((*share)(&flags.options.InfectedShare), "infected-share", "`share` of infected objects: 0.001 or 0.1%")
	cmd.Flags().StringVar(&flags.options.CanarySchedule, "canary-schedule", flags.options.CanarySchedule,
		"parameter CanarySchedule of the deployment")
	cmd.Flags().BoolVar(&flags.options.GuardDutyEvents, "guardduty-events", false,
		"parameter GuardDutyEvents of the deployment: true")
	cmd.Flags().BoolVar(&flags.explain, "explain", false, "show the arithmetic of each line")
	cmd.Flags().StringVar(&flags.write, "write", "", "write the document docs/cost.md to this `file`, and nothing else")
	flags.access.addAccess(cmd.Flags())
	flags.output.add(cmd)
	completeFlag(cmd, "workflow", string(plan.Standard), string(plan.Express))
	completeFlag(cmd, "canary-schedule", append([]string{"off"}, plan.CanarySchedules...)...)
	completeFlag(cmd, "layout", "two-bucket", "three-bucket")
	return cmd
}

// planFlags are the flags of the command plan.
type planFlags struct {
	options            plan.Options
	perDay, burst      number
	size               size
	listing, inventory string
	workflow, layout   string
	explain            bool
	write              string
	access             stackFlags
	output             outputFormat
}

func (f *planFlags) run(cmd *cobra.Command, args []string) error {
	workflows, err := f.check(cmd, args)
	if err != nil {
		return err
	}
	in, err := f.input(cmd.Context(), cmd, args)
	if err != nil {
		return startError{err}
	}
	if in.PerDay+in.Burst <= 0 {
		return wrongUsage(cmd, "say how many objects are to be scanned: --objects-per-day, --burst, --listing, "+
			"--inventory or s3://bucket/prefix (%s --help shows examples)", cmd.CommandPath())
	}
	out := planOutput{input: in, options: f.options}
	for _, w := range workflows {
		f.options.Workflow = w
		p, err := plan.New(f.options)
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
		}
		r, err := p.Report(in)
		if err != nil {
			return err
		}
		if out.planner, out.reports = p, append(out.reports, r); out.canaries == nil {
			out.canaries, out.retroScans = p.Canaries(), p.RetroScans(in.Sizes)
		}
	}
	if f.output.isJSON() {
		return printJSON(cmd.OutOrStdout(), out.json())
	}
	return out.print(cmd.OutOrStdout(), f.explain)
}

// check finds flags that do not go together.
func (f *planFlags) check(cmd *cobra.Command, args []string) ([]plan.Workflow, error) {
	sources := len(args)
	for _, s := range []string{f.listing, f.inventory} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources > 1:
		return nil, wrongUsage(cmd, "give one of --listing, --inventory and s3://bucket/prefix")
	case sources == 1 && cmd.Flags().Changed("size"):
		return nil, wrongUsage(cmd, "--size is for numbers that you give: a listing has its own sizes")
	case f.layout != "two-bucket" && f.layout != "three-bucket":
		return nil, wrongUsage(cmd, "--layout %q: want two-bucket or three-bucket", f.layout)
	}
	f.options.ThreeBuckets = f.layout == "three-bucket"
	switch w := plan.Workflow(strings.ToUpper(f.workflow)); w {
	case "":
		return plan.Workflows, nil
	case plan.Standard, plan.Express:
		return []plan.Workflow{w}, nil
	}
	return nil, wrongUsage(cmd, "--workflow %q: want STANDARD or EXPRESS", f.workflow)
}

// input returns what is to be scanned. Without a number, a listing is a burst, and its last 30 days say how
// many come in a day.
func (f *planFlags) input(ctx context.Context, cmd *cobra.Command, args []string) (plan.Input, error) {
	in := plan.Input{PerDay: float64(f.perDay), Burst: float64(f.burst)}
	var err error
	switch {
	case f.listing != "":
		in.Sizes, err = readListing(f.listing, cmd.InOrStdin())
	case f.inventory != "":
		in.Sizes, err = workload.ReadInventory(f.inventory)
	case len(args) == 1:
		in.Sizes, err = f.list(ctx, args[0], cmd.ErrOrStderr())
	default:
		in.Sizes, err = workload.Uniform(1, int64(f.size))
		return in, err
	}
	if err != nil {
		return in, err
	}
	if !cmd.Flags().Changed("burst") {
		in.Burst, _ = in.Sizes.Total()
	}
	if !cmd.Flags().Changed("objects-per-day") {
		in.PerDay, _ = in.Sizes.PerDay()
	}
	return in, nil
}

func readListing(path string, stdin io.Reader) (*workload.Objects, error) {
	if path == "-" {
		o, err := workload.ReadListing(stdin)
		if err != nil {
			err = fmt.Errorf("read the listing on standard input: %w", err)
		}
		return o, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the listing: %w", err)
	}
	defer file.Close()
	o, err := workload.ReadListing(file)
	if err != nil {
		err = fmt.Errorf("read the listing %s: %w", path, err)
	}
	return o, err
}

// list lists a bucket with the caller's credentials. Progress is shown for each 100,000 objects.
func (f *planFlags) list(ctx context.Context, address string, stderr io.Writer) (*workload.Objects, error) {
	bucket, prefix, ok := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	if !strings.HasPrefix(address, "s3://") || bucket == "" {
		return nil, fmt.Errorf("%q: want s3://bucket or s3://bucket/prefix", address)
	}
	if !ok {
		prefix = ""
	}
	cfg, err := f.access.config(ctx)
	if err != nil {
		return nil, err
	}
	shown := 0.0
	return workload.ReadBucket(ctx, awsclient.S3(cfg), bucket, prefix, func(n float64) {
		if n-shown >= 100_000 {
			shown = n
			fmt.Fprintf(stderr, "%s objects listed\n", plan.Count(n))
		}
	})
}

// writePage writes docs/cost.md.
func (f *planFlags) writePage(cmd *cobra.Command, args []string) (err error) {
	if len(args) > 0 || cmd.Flags().NFlag() > 1 {
		return wrongUsage(cmd, "--write takes no other flag and no argument: the document shows fixed amounts")
	}
	file, err := os.Create(f.write)
	if err != nil {
		return startError{fmt.Errorf("write the document: %w", err)}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return page.Write(file)
}

// number is a number of objects on the command line.
type number float64

// multiples are the suffixes of numbers.
var multiples = map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}

// mostObjects is more than any bucket has, and small enough to multiply with.
const mostObjects = 1e15

func (n *number) Set(s string) error {
	text := strings.ToLower(strings.NewReplacer(",", "", "_", "").Replace(strings.TrimSpace(s)))
	digits := strings.TrimRight(text, "kmgb")
	value, err := strconv.ParseFloat(digits, 64)
	factor, known := multiples[text[len(digits):]]
	if err != nil || !known || !(value >= 0 && value*factor <= mostObjects) {
		return errors.New("want a number of objects such as 20000, 20k or 1.5M")
	}
	*n = number(value * factor)
	return nil
}

func (n *number) String() string {
	if *n == 0 {
		return "" // no default in the help
	}
	return plan.Count(float64(*n))
}
func (n *number) Type() string { return "number" }

// size is a size of objects on the command line, in bytes.
type size int64

func (s *size) Set(text string) error {
	bytes, err := workload.ParseSize(text)
	*s = size(bytes)
	return err
}

func (s *size) String() string { return strings.ReplaceAll(plan.Size(float64(*s)), " ", "") }
func (s *size) Type() string   { return "size" }

// share is a part of all objects on the command line: 0.001 or 0.1%.
type share float64

func (s *share) Set(text string) error {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(digits, 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return errors.New("want a share such as 0.001 or 0.1%")
	}
	*s = share(value)
	return nil
}

func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*s)*100, 'g', -1, 64) + "%"
}
func (s *share) Type() string { return "share" }
