package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// run is one run of the program.
type run struct {
	config
	out     io.Writer
	uploads []*upload
	faults  []scheduled
	began   time.Time
	work    string // temporary folder
	small   bool   // whether the volume is a file system of volumeSize

	stack   *stack
	proxy   *proxy
	ledger  *ledger
	sampler *sampler
	clients harness.Clients
	gate    gate
	died    map[string]bool // names of executions of which there was a dead letter

	// tamper, which tests set, changes the result before it is accounted for.
	tamper func(context.Context, *run) error

	mu       sync.Mutex
	nonsense []string       // messages that are no uploads
	runs     int            // lists of operators
	lasting  sync.WaitGroup // faults that end later
	failures []error        // of faults that ended later
}

const (
	announced = "chaos-announced" // the queue that is subscribed to the verdicts topic
	rescans   = "lazaret-rescans" // the queue that operators' lists and dead letters go to
	permits   = "lazaret-permits"
)

func newRun(c config, out io.Writer) *run {
	r := &run{config: c, out: out, died: map[string]bool{}}
	functions := []string{"dispatch", "fetch", "scan", "tag", "quarantine", "notify"}
	if c.layout == "three-bucket" {
		functions = append(functions, "promote")
	}
	r.uploads = planUploads(c.seed, c.objects)
	r.faults = planFaults(c.seed, c.faults, c.objects, faultKinds(functions))
	r.ledger = newLedger(r.uploads)
	return r
}

// do runs everything, prints it, and returns what is wrong.
func (r *run) do(ctx context.Context) (wrongs []wrong, err error) {
	r.began = time.Now()
	r.introduce()
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var readers sync.WaitGroup
	for i := range 2 {
		readers.Go(func() { r.sampler.run(reading, rand.New(rand.NewPCG(r.seed, uint64(100+i)))) })
	}
	defer readers.Wait()
	defer stop()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	result, err := r.settle(ctx)
	if err != nil {
		return nil, err
	}
	stop()
	readers.Wait()
	result.breaches, result.guarded = r.sampler.breaches, r.sampler.guarded
	if err := r.stack.stop(); err != nil {
		result.processes = append(result.processes, err.Error())
	}
	a := account(r.ledger, result)
	r.report(a, result)
	return a.wrongs, r.writeList(a)
}

// open starts the proxy and the stack, and subscribes to the verdicts.
func (r *run) open(ctx context.Context) (err error) {
	if r.work, err = os.MkdirTemp("", "lazaret-chaos-"); err != nil {
		return fmt.Errorf("create a temporary folder: %w", err)
	}
	r.stack = &stack{config: r.config, data: filepath.Join(r.work, "data")}
	if err := os.MkdirAll(r.stack.volume(), 0o755); err != nil {
		return fmt.Errorf("create the data folder: %w", err)
	}
	if hasOwnMounts() {
		if err := mountVolume(r.stack.volume()); err == nil {
			r.small = true
		}
	}
	application := filepath.Join(r.work, "application")
	if err := os.Mkdir(application, 0o755); err != nil {
		return fmt.Errorf("prepare the template: %w", err)
	}
	if r.stack.template, err = writeTemplate(r.root, application); err != nil {
		return err
	}
	if r.stack.port, err = freePort(); err != nil {
		return err
	}
	if r.proxy, err = startProxy(r.stack.endpoint(), r.seed, r.ledger); err != nil {
		return err
	}
	r.proxy.killer, r.stack.proxy = r.stack.kill, r.proxy.URL
	if err := r.stack.start(); err != nil {
		return err
	}
	r.clients = r.stack.machine.Clients
	r.sampler = &sampler{s3: onlyOnce(r.clients.Config), ledger: r.ledger, clean: r.layout == "three-bucket"}
	return r.subscribe(ctx)
}

// onlyOnce returns a client that repeats no request by itself.
func onlyOnce(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle, o.RetryMaxAttempts = true, 1 })
}

func (r *run) subscribe(ctx context.Context) error {
	if _, err := r.clients.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(announced)}); err != nil {
		return fmt.Errorf("create queue %s: %w", announced, err)
	}
	_, err := r.clients.SNS.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: aws.String(harness.Verdicts), Protocol: aws.String("sqs"),
		Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:" + announced),
	})
	if err != nil {
		return fmt.Errorf("subscribe to the verdicts: %w", err)
	}
	return nil
}

// close ends what open has started. It does nothing where that has ended.
func (r *run) close() (err error) {
	r.lasting.Wait()
	if r.stack != nil {
		err = r.stack.stop()
	}
	if r.proxy != nil {
		err = errors.Join(err, r.proxy.close())
	}
	if r.small {
		err = errors.Join(err, unmountVolume(r.stack.volume()))
	}
	if r.work != "" {
		err = errors.Join(err, os.RemoveAll(r.work))
	}
	return err
}

// load makes all uploads, and the faults among them.
func (r *run) load(ctx context.Context) error {
	r.proxy.setRate(r.rate)
	defer r.proxy.setRate(0)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			w := &uploader{s3: onlyOnce(r.clients.Config), ledger: r.ledger}
			for _, u := range r.uploads {
				if u.worker() != worker {
					continue
				}
				if err := r.uploadOne(ctx, w, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error { return r.makeFaults(ctx) })
	err := group.Wait()
	r.lasting.Wait()
	return errors.Join(append(r.failures, err)...)
}

func (r *run) uploadOne(ctx context.Context, w *uploader, u *upload) error {
	if err := r.gate.pass(ctx); err != nil {
		return err
	}
	if err := w.upload(ctx, u); err != nil {
		return err
	}
	for _, d := range u.deletions {
		if err := w.delete(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// lead is how many uploads may begin after the point of a fault before it is made.
const lead = 2 * workers

// makeFaults makes the faults of the schedule, each at its time.
func (r *run) makeFaults(ctx context.Context) error {
	defer r.gate.open(len(r.uploads))
	for i, f := range r.faults {
		r.gate.open(f.at + lead)
		if err := r.gate.await(ctx, f.at); err != nil {
			return err
		}
		happened, err := f.do(ctx, r)
		if err != nil {
			return fmt.Errorf("make the fault %q (%d of %d): %w", f.name, i+1, len(r.faults), err)
		}
		if happened != "" {
			happened = ": " + happened
		}
		r.say("upload %d  %s%s", f.at, f.name, happened)
	}
	return nil
}

// later ends a fault after some time.
func (r *run) later(d time.Duration, end func() error) {
	r.lasting.Go(func() {
		time.Sleep(d)
		if err := end(); err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failures = append(r.failures, fmt.Errorf("end a fault: %w", err))
		}
	})
}

// say prints a line with the time since the start.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%7.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// introduce prints what will be done.
func (r *run) introduce() {
	fmt.Fprintf(r.out, "seed %d, %d uploads (%d clean, %d infected, %d unscannable), %s, %s, %d engines\n",
		r.seed, len(r.uploads), count(r.uploads, job.Clean), count(r.uploads, job.Infected),
		count(r.uploads, job.Unscannable), r.layout, r.workflow, r.engines)
	fmt.Fprintf(r.out, "%.1f %% of the functions' calls are disturbed, and these faults are made:\n", 100*r.rate)
	for i, f := range r.faults {
		fmt.Fprintf(r.out, "  %3d  at upload %-5d %s\n", i+1, f.at, f.name)
	}
}

// gate lets uploads begin up to a limit: half of them as fast as they can, and half of them one by one, so that faults
// meet both a long queue and objects that pass at once.
type gate struct {
	mu           sync.Mutex
	begun, limit int
	next         time.Time // before which none may begin
}

const (
	burst  = 50                    // uploads as fast as they can, and as many one by one
	spaced = 50 * time.Millisecond // between two of these
)

// gatePause is how often a gate is looked at.
const gatePause = 2 * time.Millisecond

func (g *gate) open(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = max(g.limit, limit)
}

// pass waits until one more upload may begin.
func (g *gate) pass(ctx context.Context) error {
	return poll(ctx, gatePause, func() (bool, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.begun >= g.limit || time.Now().Before(g.next) {
			return false, nil
		}
		if g.begun++; g.begun/burst%2 == 1 {
			g.next = time.Now().Add(spaced)
		}
		return true, nil
	})
}

// await waits until n uploads have begun.
func (g *gate) await(ctx context.Context, n int) error {
	return poll(ctx, gatePause, func() (bool, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.begun >= n, nil
	})
}

// poll calls done until it returns true or ctx ends.
func poll(ctx context.Context, pause time.Duration, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// sortedKeys returns the keys of a map of counts, those with the highest counts first.
func sortedKeys(counts map[string]int) []string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	return keys
}
