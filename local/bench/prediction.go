package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/simulation"
)

// measurePrediction holds the simulation behind `lazaret plan` to the local stack. It measures the steps of one object
// at a time, with one permit; predicts from them how long many objects at once take with one, two and four permits; and
// compares the prediction with the drain. Each request of a function waits a while, so that functions wait more than
// they compute, as on AWS. The definitions have a tenth of the official size, so that four engines fit into the memory.
func measurePrediction(ctx context.Context, b *benchmark) error {
	databases := filepath.Join(b.work, "tenth")
	if err := writeSignatures(databases, b.amount.Signatures/10); err != nil {
		return err
	}
	processors := usableProcessors()
	b.report.during(load{}).plain("processors, from one busy thread and as many as there are cores", processors, "")
	for _, w := range plan.Workflows {
		steps, err := b.stepsOfOne(ctx, w, databases)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s: ", w)
		b.report.during(load{}).plain(name+"one object, from permit to permit", milliseconds(steps.cycle()), "ms")
		b.report.during(load{}).plain(name+"processor time of it", milliseconds(steps.processor), "ms")
		if w == plan.Express {
			b.report.during(load{}).plain(name+"dispatch, from message to message", milliseconds(steps.turn), "ms")
		}
		for _, permits := range b.amount.Loads {
			predicted, err := steps.predict(w, b.amount.Predicted, permits, processors)
			if err != nil {
				return err
			}
			watching, err := beginWatch()
			if err != nil {
				return err
			}
			measured, err := b.drainOf(ctx, w, databases, permits)
			if err != nil {
				return err
			}
			others, err := watching.end()
			if err != nil {
				return err
			}
			f := b.report.during(others)
			of := fmt.Sprintf("%s%d objects, MaxConcurrentScans %d: ", name, b.amount.Predicted, permits)
			f.plain(of+"predicted", predicted.Seconds(), "s")
			f.plain(of+"measured", measured.Seconds(), "s")
			f.atMost(of+"error", 100*math.Abs(predicted.Seconds()/measured.Seconds()-1), "%", 10)
		}
	}
	return nil
}

// steps are the times of one object at a time, with one permit.
type steps struct {
	measured  []object
	turn      time.Duration // of an invocation of dispatch, which with EXPRESS waits for the end of the execution
	processor time.Duration // of all processes, for one object
}

// object is the time before each function and the time of each function. Before fetch is what happens between two
// objects.
type object struct{ before, took [3]time.Duration }

// stepFunctions are the functions of the steps.
func stepFunctions() [3]string { return [3]string{"fetch", "scan", "tag"} }

// cycle returns the time from one permit to the next.
func (o object) cycle() (sum time.Duration) {
	for i := range o.took {
		sum += o.before[i] + o.took[i]
	}
	return sum
}

// cycle returns the mean of the objects' cycles.
func (s steps) cycle() (mean time.Duration) {
	for _, o := range s.measured {
		mean += o.cycle() / time.Duration(len(s.measured))
	}
	return mean
}

// predict returns how long n objects take that come at once, from the start of the first fetch to the end of the last
// tag. Each is like one of those that were measured. The processor time is spread evenly, because the local stack works
// all the time.
func (s steps) predict(w plan.Workflow, n, permits int, processors float64) (time.Duration, error) {
	config := simulation.Config{Permits: permits, Processors: processors}
	pool, outside := -1, time.Duration(0)
	if w == plan.Express {
		// What is limited is the invocations of dispatch, of which AWS has two at least. The permits are of a part of each.
		config.Permits = max(2, permits)
		config.Pools = []simulation.Pool{{Name: "permits", Limit: permits, Warm: permits}}
		pool, outside = 0, max(0, s.turn-s.cycle())
	}
	busy := min(1, s.processor.Seconds()/(outside+s.cycle()).Seconds())
	step := func(pool int, took time.Duration) simulation.Step {
		work := time.Duration(float64(took) * busy)
		return simulation.Step{Pool: pool, Wait: took - work, Work: work}
	}
	objects := make([]simulation.Object, n)
	for i := range objects {
		o := s.measured[i%len(s.measured)]
		objects[i].Steps = []simulation.Step{step(-1, outside), step(pool, o.cycle())}
	}
	r, err := simulation.Run(config, objects)
	if err != nil {
		return 0, err
	}
	last := time.Duration(0)
	for _, end := range r.Ended {
		last = max(last, end)
	}
	return last - outside - s.measured[0].before[0], nil
}

// upload uploads n objects that nobody scans yet.
func (b *benchmark) upload(ctx context.Context, s *localStack, name string, n int) ([]job.Object, error) {
	objects := make([]job.Object, n)
	for i := range objects {
		var err error
		key := fmt.Sprintf("%s/%04d.txt", name, i)
		if objects[i], err = s.putSilently(ctx, key, text(contentOf(name)+i, b.amount.Size)); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// scanSent sends objects to the queue, all at once, and returns the invocations for all objects whose names begin with
// prefix when there are n tags of them.
func (s *localStack) scanSent(ctx context.Context, objects []job.Object, prefix string, n int) (invocations, error) {
	if err := s.send(ctx, objects...); err != nil {
		return nil, err
	}
	for start := time.Now(); time.Since(start) < maxPause; {
		text, err := os.ReadFile(filepath.Join(s.logs, "tag.log"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read log: %w", err)
		}
		if bytes.Count(text, []byte(`"`+prefix)) >= n {
			return readInvocations(s.logs, prefix)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("the %d objects %s are not tagged after %s", n, prefix, maxPause)
}

// contentOf returns the number of the first text of some objects, so that no two have the same.
func contentOf(name string) int {
	sum := sha256.Sum256([]byte(name))
	return 10_000 * (1 + int(sum[0]) + int(sum[1])<<8)
}

// invocation is a line of a function's log.
type invocation struct {
	Time    time.Time `json:"time"` // of its end
	MS      int64     `json:"ms"`
	Key     string    `json:"key"`
	Outcome string    `json:"outcome"`
}

// start returns when the invocation began.
func (i invocation) start() time.Time { return i.Time.Add(-time.Duration(i.MS) * time.Millisecond) }

// invocations are those of each function, in the order of their ends.
type invocations map[string][]invocation

// readInvocations reads the logs of fetch, scan and tag for objects whose keys begin with prefix.
func readInvocations(logs, prefix string) (invocations, error) {
	all := invocations{}
	for _, f := range stepFunctions() {
		file, err := os.Open(filepath.Join(logs, f+".log"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var i invocation
			if json.Unmarshal(lines.Bytes(), &i) == nil && i.Outcome != "" && strings.HasPrefix(i.Key, prefix) {
				all[f] = append(all[f], i)
			}
		}
		file.Close()
	}
	return all, nil
}

// stepsOfOne measures the steps of one object at a time, with one permit. Several objects are sent at once, of which
// all but one wait: so the time from one object to the next is measured too.
func (b *benchmark) stepsOfOne(ctx context.Context, w plan.Workflow, databases string) (all steps, err error) {
	s, err := b.startSlow(ctx, w, databases, 1)
	if err != nil {
		return all, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	n := max(6, b.amount.Predicted/6) // more than dispatch gets at once, which is two
	objects, err := b.upload(ctx, s.localStack, "one", n)
	if err != nil {
		return all, err
	}
	used, idle, err := whileIdle(ctx)
	if err != nil {
		return all, err
	}
	s.requests.forget()
	done, err := s.scanSent(ctx, objects, "one/", n)
	if err != nil {
		return all, err
	}
	after, err := processorTime(os.Getpid()) // of this process, which is the proxy, and its children
	if err != nil {
		return all, err
	}
	if err := all.measure(done, n); err != nil {
		return all, err
	}
	took := all.cycle() * time.Duration(n)
	all.processor = (after - used - time.Duration(idle*float64(took))) / time.Duration(n)
	if w == plan.Express {
		all.turn, err = s.requests.turn()
	}
	return all, err
}

// whileIdle returns the processor time used so far, and the share of a processor that is used without any object.
func whileIdle(ctx context.Context) (used time.Duration, share float64, err error) {
	before, err := processorTime(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	select {
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	case <-time.After(time.Second):
	}
	used, err = processorTime(os.Getpid())
	return used, (used - before).Seconds() / time.Since(start).Seconds(), err
}

// measure takes the times of all objects but the first, which waited for no other.
func (s *steps) measure(done invocations, n int) error {
	names := stepFunctions()
	for _, f := range names {
		if len(done[f]) != n {
			return fmt.Errorf("got %d invocations of %s, want %d", len(done[f]), f, n)
		}
	}
	for i := 1; i < n; i++ {
		var o object
		last := done[names[2]][i-1].Time // the tag of the object before
		for step, f := range names {
			now := done[f][i]
			o.before[step] = max(0, now.start().Sub(last))
			o.took[step] = time.Duration(now.MS) * time.Millisecond
			last = now.Time
		}
		s.measured = append(s.measured, o)
	}
	return nil
}

// drainOf measures how long objects take that come at once, from the start of the first fetch to the last tag.
func (b *benchmark) drainOf(
	ctx context.Context, w plan.Workflow, databases string, permits int,
) (took time.Duration, err error) {
	s, err := b.startSlow(ctx, w, databases, permits)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	objects, err := b.upload(ctx, s.localStack, "drain", b.amount.Predicted)
	if err != nil {
		return 0, err
	}
	all, err := s.scanSent(ctx, objects, "drain/", len(objects))
	if err != nil {
		return 0, err
	}
	first, last := all["fetch"][0].start(), time.Time{}
	for _, i := range all["tag"] {
		if i.Time.After(last) {
			last = i.Time
		}
	}
	return last.Sub(first), nil
}

// usableProcessors returns how many processors the computer has for work of many threads: less than it has cores, where
// cores share what they need.
func usableProcessors() float64 {
	cores := runtime.NumCPU()
	alone, together := math.Inf(1), math.Inf(1)
	for range 5 { // the fastest: other work on the computer makes it slower only
		alone, together = min(alone, busyFor(1)), min(together, busyFor(cores))
	}
	return float64(cores) * alone / together
}

// busyFor has several threads compute the same at once, and returns how many seconds that takes.
func busyFor(threads int) float64 {
	var all sync.WaitGroup
	start := time.Now()
	for range threads {
		all.Go(func() {
			block := make([]byte, 1<<20)
			for range 100 {
				sum := sha256.Sum256(block)
				copy(block, sum[:])
			}
		})
	}
	all.Wait()
	return time.Since(start).Seconds()
}
