package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// asProgram is the variable with which this test binary is the program itself, which starts itself again.
const asProgram = "LAZARET_CHAOS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestChaos runs the program with few objects, as `make chaos` runs it with many. Most of the time it waits: a message
// whose receiver was killed comes again after a minute.
func TestChaos(t *testing.T) {
	t.Parallel()
	need.OwnMachine(t)
	root := need.Programs(t)
	for workflow, layout := range map[string]string{"STANDARD": "two-bucket", "EXPRESS": "three-bucket"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			list := filepath.Join(t.TempDir(), "chaos.tsv")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-root", root, "-objects", "150", "-faults", "24",
				"-workflow", workflow, "-layout", layout, "-list", list, "-limit", "10m")
			cmd.Env = append(os.Environ(), asProgram+"=1")
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			cmd.WaitDelay = time.Minute
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("chaos: %v, want the exit code 0:\n%s", err, out)
			}
			lines, err := os.ReadFile(list)
			if n := bytes.Count(lines, []byte("\n")); err != nil || n < 151 {
				t.Errorf("the list of versions has %d lines, %v, want a heading and 150 versions at least", n, err)
			}
		})
	}
}

// TestTampered changes what an undisturbed run has left, and checks that the account names each change.
func TestTampered(t *testing.T) {
	t.Parallel()
	need.OwnMachine(t)
	root := need.Programs(t)
	var out bytes.Buffer
	r := newRun(config{
		root: root, seed: 3, objects: 40, layout: "two-bucket", workflow: "STANDARD", engines: 2, scale: 50,
		list: filepath.Join(t.TempDir(), "list"),
	}, &out)
	var want []string
	r.tamper = func(ctx context.Context, r *run) (err error) {
		want, err = tamper(ctx, r)
		return err
	}
	wrongs, err := r.do(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var got []string
	for _, w := range wrongs {
		got = append(got, fmt.Sprintf("%s: %s", w.class, w.name.key))
	}
	slices.Sort(want)
	slices.Sort(got)
	got = slices.Compact(got) // the readers may read an object more than once
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is wrong (-want +got):\n%s\n%s", diff, &out)
	}
}

// tamper loses a version, calls an infected one CLEAN, and mixes tags of two objects. It returns what the account must
// say.
func tamper(ctx context.Context, r *run) (want []string, err error) {
	now, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(now.held, func(a, b held) int { return strings.Compare(a.key, b.key) })
	take := func(bucket string, verdict job.Verdict) held {
		for i, h := range now.held {
			if h.bucket == bucket && h.status == string(verdict) && len(h.tags) > 0 && len(h.tags) < 9 {
				now.held = slices.Delete(now.held, i, i+1)
				return h
			}
		}
		err = fmt.Errorf("no %s version with tags is in %s", verdict, bucket)
		return held{}
	}
	gone, mixed := take(harness.Uploads, job.Clean), take(harness.Uploads, job.Clean)
	lied, gone2 := take(harness.Uploads, job.Unscannable), take(harness.Quarantine, job.Infected)
	if err != nil {
		return nil, err
	}
	for _, h := range []held{gone, gone2} {
		in := &s3.DeleteObjectInput{Bucket: &h.bucket, Key: &h.key, VersionId: &h.id}
		if _, err := r.stack.machine.As("lazaret-QuarantineFunctionRole").S3.DeleteObject(ctx, in); err != nil {
			return nil, fmt.Errorf("delete %s: %w", h.key, err)
		}
		want = append(want, lost+": "+h.original.key)
	}
	retag := func(h held, status string, tags map[string]string) {
		set := []types.Tag{{Key: aws.String("scan-status"), Value: &status}}
		for k, v := range tags {
			set = append(set, types.Tag{Key: &k, Value: &v})
		}
		in := &s3.PutObjectTaggingInput{
			Bucket: &h.bucket, Key: &h.key, VersionId: &h.id, Tagging: &types.Tagging{TagSet: set},
		}
		if _, failed := r.stack.machine.As("lazaret-TagFunctionRole").S3.PutObjectTagging(ctx, in); failed != nil {
			err = fmt.Errorf("tag %s: %w", h.key, failed)
		}
	}
	retag(mixed, "CLEAN", map[string]string{"own-0": "of another object"})
	retag(lied, "CLEAN", lied.tags)
	// The readers go on until the end of the run, and meet what must not be read.
	r.sampler.read(ctx, r.ledger.find(lied.original), &s3.GetObjectInput{
		Bucket: &lied.bucket, Key: &lied.key, VersionId: &lied.id,
	})
	n := len(r.sampler.breaches)
	if n == 0 {
		return nil, fmt.Errorf("%s was read, and that is no breach", lied.key)
	}
	return append(want, falseClean+": "+lied.key, tagsChanged+": "+mixed.key, readable+": "), err
}

// TestPlan checks that objects and faults follow from the seed, and that no kind is left out.
func TestPlan(t *testing.T) {
	t.Parallel()
	text := func(seed uint64) string {
		r := newRun(config{seed: seed, objects: 500, faults: 60, layout: "three-bucket"}, io.Discard)
		var b strings.Builder
		for _, u := range r.uploads {
			fmt.Fprintf(&b, "%s %q %v %v %v %v %d\n", u, u.key, u.tags, u.metadata, u.headers, u.deletions, len(u.content()))
		}
		for _, f := range r.faults {
			fmt.Fprintf(&b, "%d %s\n", f.at, f.name)
		}
		return b.String()
	}
	first := text(1)
	if again := text(1); again != first {
		t.Errorf("the same seed gives another run:\n%s", cmp.Diff(first, again))
	}
	if text(2) == first {
		t.Error("another seed gives the same run, want another")
	}
	for _, k := range kinds() {
		if !strings.Contains(first, "("+k.name+", ") {
			t.Errorf("500 objects have none of the kind %q, want one at least", k.name)
		}
	}
	for _, part := range []string{
		"kill -9 of clamd", "kill -9 of dispatch", "kill -9 of fetch", "kill -9 of scan", "kill -9 of tag",
		"kill -9 of quarantine", "kill -9 of promote", "kill -9 of notify", "kill -9 of the whole stack", "full disk",
		"work folder removed", "outage of s3", "outage of sqs", "outage of states", "new definitions", "SIGSTOP of clamd",
		"SIGSTOP of the stack", "messages twice", "dead letters redriven",
	} {
		if !strings.Contains(first, part) {
			t.Errorf("60 faults have none of the kind %q, want one at least", part)
		}
	}
}

// TestDraw checks that what a call meets depends on the seed and the call alone, and that it is spread evenly.
func TestDraw(t *testing.T) {
	t.Parallel()
	const calls = 20_000
	low, kinds := 0, map[uint64]int{}
	for i := range calls {
		chance, which := draw(1, "tag PutObjectTagging /b/k", i)
		if again, same := draw(1, "tag PutObjectTagging /b/k", i); again != chance || same != which {
			t.Fatalf("call %d: got %v, %d and then %v, %d, want the same", i, chance, which, again, same)
		}
		if chance < 0 || chance >= 1 {
			t.Fatalf("got the chance %v, want 0 to 1", chance)
		}
		if chance < 0.04 {
			low++
			kinds[which%27]++
		}
	}
	if low < 700 || low > 900 || len(kinds) != 27 {
		t.Errorf("%d of %d calls are below 0.04, of %d kinds, want about 800 of 27", low, calls, len(kinds))
	}
}

// TestParse checks which flags are refused.
func TestParse(t *testing.T) {
	t.Parallel()
	for args, ok := range map[string]bool{
		"":                     true,
		"-seed 7 -objects 10":  true,
		"-layout three-bucket": true,
		"-layout four-bucket":  false,
		"-workflow FAST":       false,
		"-objects 0":           false,
		"-rate 2":              false,
		"-engines 0":           false,
		"-limit 0s":            false,
		"unexpected":           false,
	} {
		_, err := parse(strings.Fields(args))
		if (err == nil) != ok {
			t.Errorf("parse %q: got error %v, want one: %t", args, err, !ok)
		}
	}
}
