package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sync/errgroup"
)

// burst is what many uploads at once have met.
type burst struct {
	load

	rate      float64       // objects a second, from the first PUT to the last tag
	rate90    float64       // the same for the first 90 % of the objects
	tail      float64       // time of the last tag, over the time of 90 %
	overtaken int           // the most later uploads that had their tag before an earlier one
	each      usage         // processor time for each object
	stored    time.Duration // until the last upload was acknowledged
}

// upload is one upload of a burst.
type upload struct{ begun, acknowledged, tagged time.Time }

// uploaders is how many uploads of a burst are made at once.
const uploaders = 20

// burstOf uploads n objects at once to a warm stack, and waits for their tags. The prefix tells the bursts of one stack
// apart.
func (b *benchmark) burstOf(ctx context.Context, s *localStack, prefix string, n int) (x burst, err error) {
	watching, err := beginWatch()
	if err != nil {
		return x, err
	}
	before, err := usageOf(s.pid())
	if err != nil {
		return x, err
	}
	all := make([]upload, n)
	uploads, uploading := errgroup.WithContext(ctx)
	uploads.SetLimit(uploaders)
	for i := range all {
		uploads.Go(func() error {
			all[i].begun = time.Now()
			err := s.put(uploading, burstKey(prefix, i), text(b.content+i, b.amount.Size))
			all[i].acknowledged = time.Now()
			return err
		})
	}
	if err := uploads.Wait(); err != nil {
		return x, err
	}
	b.content += n // the next burst has other contents
	tagged, err := s.tagged(ctx, prefix, n)
	if err != nil {
		return x, err
	}
	after, err := usageOf(s.pid())
	if err != nil {
		return x, err
	}
	if x.load, err = watching.end(); err != nil {
		return x, err
	}
	for i := range all {
		all[i].tagged = tagged[burstKey(prefix, i)]
	}
	x.each = after.since(before, n)
	x.add(all)
	return x, s.checkBurst(ctx, prefix, n)
}

// add computes the times of a burst.
func (x *burst) add(all []upload) {
	first, stored := all[0].begun, all[0].acknowledged
	var ends []time.Time
	for _, u := range all {
		ends = append(ends, u.tagged)
		if u.begun.Before(first) {
			first = u.begun
		}
		if u.acknowledged.After(stored) {
			stored = u.acknowledged
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	n := len(ends)
	last, ninety := ends[n-1].Sub(first).Seconds(), ends[max(0, n*9/10-1)].Sub(first).Seconds()
	x.rate, x.rate90, x.tail = float64(n)/last, float64(n*9/10)/ninety, last/ninety
	x.stored, x.overtaken = stored.Sub(first), overtaken(all)
}

// overtaken returns the most later uploads that had their tag before an earlier one. An upload is later than another if
// it began after the other was acknowledged: of the others nobody knows the order.
func overtaken(all []upload) (most int) {
	byBegin := slices.SortedFunc(slices.Values(all), func(a, b upload) int { return a.begun.Compare(b.begun) })
	for _, u := range all {
		n := 0
		later, _ := slices.BinarySearchFunc(byBegin, u.acknowledged, func(v upload, t time.Time) int {
			return v.begun.Compare(t)
		})
		for _, v := range byBegin[later:] {
			if v.tagged.Before(u.tagged) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// checkBurst reads the verdict of every object: the log says when, the tags say what.
func (s *localStack) checkBurst(ctx context.Context, prefix string, n int) error {
	for i := range n {
		verdict, err := s.verdict(ctx, burstKey(prefix, i))
		if err == nil {
			err = mustBeClean(burstKey(prefix, i), verdict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func burstKey(prefix string, i int) string { return fmt.Sprintf("%s/%05d.txt", prefix, i) }

// warm starts the environments of all functions before a burst, and the engines. Cold starts are measured separately.
func (b *benchmark) warm(ctx context.Context, s *localStack) error {
	_, err := b.burstOf(ctx, s, "warm", b.amount.Objects/10+1)
	return err
}

// maxPause is the longest time without a new tag: a message whose dispatch was lost comes again after a minute.
const maxPause = 3 * time.Minute

// tagged waits until n objects below a prefix have their tags, and returns when they had. It reads the function's log,
// because requests to S3 for each object would load the processors that are measured.
func (s *localStack) tagged(ctx context.Context, prefix string, n int) (map[string]time.Time, error) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	log := tagLog{path: filepath.Join(s.logs, "tag.log"), prefix: prefix + "/", times: map[string]time.Time{}}
	for seen, changed := -1, time.Now(); ; {
		if err := log.read(); err != nil {
			return nil, err
		}
		if len(log.times) >= n {
			return log.times, nil
		}
		if len(log.times) > seen {
			seen, changed = len(log.times), time.Now()
		}
		if time.Since(changed) > maxPause {
			return nil, fmt.Errorf("wait for the tags below %s: %d of %d objects are tagged, and no other in %s",
				prefix, seen, n, maxPause)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// tagLog reads when objects were tagged, each line of the log once.
type tagLog struct {
	path, prefix string
	offset       int64
	times        map[string]time.Time // by key
}

// read reads the lines that are new.
func (l *tagLog) read() error {
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(l.offset, 0); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	lines := bufio.NewReader(f)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return nil // the rest of the line is not written yet
		}
		l.offset += int64(len(text))
		var line struct {
			Time    time.Time `json:"time"`
			Key     string    `json:"key"`
			Outcome string    `json:"outcome"`
		}
		if json.Unmarshal(text, &line) == nil && line.Outcome != "" && strings.HasPrefix(line.Key, l.prefix) {
			l.times[line.Key] = line.Time
		}
	}
}

// busy is the error of an attempt to invoke a function all of whose environments work.
const busy = "Lambda.TooManyRequestsException"

// throttled counts the attempts to invoke a function that was busy, in the histories of all executions: those of
// STANDARD ones, and those of EXPRESS ones in their log.
func (s *localStack) throttled(ctx context.Context) (int, error) {
	express, err := s.throttledExpress()
	if err != nil {
		return 0, err
	}
	var n atomic.Int64
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(8)
	pages := sfn.NewListExecutionsPaginator(s.sfn, &sfn.ListExecutionsInput{
		StateMachineArn: s.machine(), MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, errors.Join(fmt.Errorf("list executions: %w", err), group.Wait())
		}
		for _, e := range page.Executions {
			group.Go(func() error {
				found, err := s.throttledIn(reading, e.ExecutionArn)
				n.Add(int64(found))
				return err
			})
		}
	}
	err = group.Wait()
	return express + int(n.Load()), err
}

// throttledIn counts them in the history of one execution.
func (s *localStack) throttledIn(ctx context.Context, arn *string) (n int, err error) {
	out, err := s.sfn.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: arn})
	if err != nil {
		return 0, fmt.Errorf("read the history of %s: %w", *arn, err)
	}
	for _, event := range out.Events {
		if d := event.TaskFailedEventDetails; d != nil && aws.ToString(d.Error) == busy {
			n++
		}
	}
	return n, nil
}

// throttledExpress counts them in the log of EXPRESS executions.
func (s *localStack) throttledExpress() (n int, err error) {
	logs, err := filepath.Glob(filepath.Join(s.logs, "states", "*"))
	if err != nil {
		return 0, fmt.Errorf("find the log of EXPRESS executions: %w", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return n, fmt.Errorf("read the log of EXPRESS executions: %w", err)
		}
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte(busy)) && bytes.Contains(line, []byte(`"TaskFailed"`)) {
				n++
			}
		}
	}
	return n, nil
}
