package verdicttag_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// tags makes a tag set of "key=value" texts; texts undoes it.
func tags(pairs ...string) []types.Tag {
	var set []types.Tag
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		set = append(set, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return set
}

func texts(set []types.Tag) []string {
	var pairs []string
	for _, t := range set {
		pairs = append(pairs, *t.Key+"="+*t.Value)
	}
	return pairs
}

// own makes n tags of the object's own.
func own(n int) (pairs []string) {
	for i := range n {
		pairs = append(pairs, fmt.Sprintf("own-%d=%d", i, i))
	}
	return pairs
}

var at = time.Date(2026, 11, 22, 10, 30, 0, 5e8, time.FixedZone("CET", 3600))

func infected(signature string) job.Scan {
	return job.Scan{Verdict: job.Infected, Signature: signature, Time: at, Definitions: &job.Definitions{Version: 27500}}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	const status, when, detail, definitions = "scan-status=INFECTED", "scan-time=2026-11-22T09:30:00Z", "scan-detail=Eicar-Test", "scan-definitions=27500"
	clean := job.Scan{Verdict: job.Clean, Time: at}
	tests := []struct {
		name     string
		existing []string
		scan     job.Scan
		want     []string
		err      error
	}{
		{"no tags", nil, infected("Eicar-Test"), []string{status, when, detail, definitions}, nil},
		{"own tags stay, in order", []string{"b=2", "a=1"}, infected("Eicar-Test"), []string{"b=2", "a=1", status, when, detail, definitions}, nil},
		{"six of its own", own(6), infected("Eicar-Test"), append(own(6), status, when, detail, definitions), nil},
		{"seven: definitions go", own(7), infected("Eicar-Test"), append(own(7), status, when, detail), nil},
		{"eight: detail goes", own(8), infected("Eicar-Test"), append(own(8), status, when), nil},
		{"nine: time goes", own(9), infected("Eicar-Test"), append(own(9), status), nil},
		{"ten", own(10), infected("Eicar-Test"), nil, job.ErrTagLimit},
		{
			"seven and clean: nothing needs to go", own(7),
			job.Scan{Verdict: job.Clean, Time: at, Definitions: &job.Definitions{Version: 1}},
			append(own(7), "scan-status=CLEAN", when, "scan-definitions=1"), nil,
		},
		{"ten, of which one is forged", append(own(9), "scan-status=CLEAN"), infected("Eicar-Test"), append(own(9), status), nil},
		{
			"forged verdict",
			[]string{"scan-status=CLEAN", "a=1", "scan-detail=trust me", "scan-definitions=0"},
			infected("Eicar-Test"),
			[]string{"a=1", status, when, detail, definitions},
			nil,
		},
		{"forged detail of a clean object", []string{"scan-detail=trust me", "scan-definitions=0"}, clean, []string{"scan-status=CLEAN", when}, nil},
		{
			"other keys are its own",
			[]string{"Scan-Detail=x", "scan-status =x"},
			clean,
			[]string{"Scan-Detail=x", "scan-status =x", "scan-status=CLEAN", when},
			nil,
		},
		{"forged verdict in another case", append(own(9), "SCAN-Status=CLEAN"), infected("Eicar-Test"), append(own(9), status), nil},
		{"again", []string{"a=1", status, when, detail, definitions}, infected("Eicar-Test"), []string{"a=1", status, when, detail, definitions}, nil},
		{"unscannable", nil, job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, Time: at}, []string{"scan-status=UNSCANNABLE", when, "scan-detail=encrypted"}, nil},
		{"no daily", nil, job.Scan{Verdict: job.Clean, Definitions: &job.Definitions{}}, []string{"scan-status=CLEAN", "scan-definitions=0"}, nil},
		{
			"characters that S3 refuses", nil,
			job.Scan{Verdict: job.Infected, Signature: "Ünix(bad);*\x00\n\xff 𐐀=+-._:/@"},
			[]string{"scan-status=INFECTED", "scan-detail=Ünix_bad______ _=+-._:/@"},
			nil,
		},
		{"nothing but spaces", nil, job.Scan{Verdict: job.Infected, Signature: "  "}, []string{"scan-status=INFECTED"}, nil},
		{
			"long", nil,
			job.Scan{Verdict: job.Infected, Signature: strings.Repeat("é", 300)},
			[]string{"scan-status=INFECTED", "scan-detail=" + strings.Repeat("é", 256)},
			nil,
		},
		{"no verdict", own(1), job.Scan{}, nil, job.ErrBadJob},
		{"a verdict of its own", own(1), job.Scan{Verdict: "SPOTLESS"}, nil, job.ErrBadJob},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := tags(tt.existing...)
			got, err := verdicttag.Merge(before, tt.scan)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Merge error = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, texts(got)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.existing, texts(before)); diff != "" {
				t.Errorf("Merge changed its argument (-was +is):\n%s", diff)
			}
		})
	}
}

func TestLimitNamesTheCount(t *testing.T) {
	t.Parallel()
	_, err := verdicttag.Merge(tags(own(10)...), infected("X"))
	if err == nil || !strings.Contains(err.Error(), "10 tags of its own") {
		t.Errorf("Merge error = %v, want the count in it", err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	set := tags("a=1", "scan-status=CLEAN", "scan-time=now", "Scan-Detail=x")
	want := map[string]string{"scan-status": "CLEAN", "scan-time": "now"}
	if diff := cmp.Diff(want, verdicttag.Verdict(set)); diff != "" {
		t.Errorf("Verdict (-want +got):\n%s", diff)
	}
}

func TestStands(t *testing.T) {
	t.Parallel()
	now := at.Add(time.Hour)
	scans := map[job.Verdict]job.Scan{
		job.Clean:       {Verdict: job.Clean, Time: at.Add(300 * time.Millisecond)}, // tags have whole seconds
		job.Unscannable: {Verdict: job.Unscannable, Reason: job.Encrypted, Time: at.Add(300 * time.Millisecond)},
		job.Infected:    {Verdict: job.Infected, Signature: "X", Time: at.Add(300 * time.Millisecond)},
	}
	stamp := func(d time.Duration) string { return "scan-time=" + at.Add(d).Format(time.RFC3339) }
	later, same, earlier := stamp(time.Second), stamp(0), stamp(-time.Second)
	tests := []struct {
		name  string
		there []string
		over  []job.Verdict // those that it stays in place of
	}{
		{"nothing", nil, nil},
		{"no verdict, but a time", []string{later}, nil},
		{"INFECTED later", []string{"scan-status=INFECTED", later}, []job.Verdict{job.Clean, job.Unscannable, job.Infected}},
		{"INFECTED in the same second", []string{"scan-status=INFECTED", same}, []job.Verdict{job.Clean, job.Unscannable}},
		{"INFECTED earlier: a false positive that was cleared", []string{"scan-status=INFECTED", earlier}, nil},
		{"UNSCANNABLE later", []string{"scan-status=UNSCANNABLE", later}, []job.Verdict{job.Clean, job.Unscannable}},
		{"UNSCANNABLE in the same second", []string{"scan-status=UNSCANNABLE", same}, []job.Verdict{job.Clean}},
		{"UNSCANNABLE earlier", []string{"scan-status=UNSCANNABLE", earlier}, nil},
		{"CLEAN later", []string{"scan-status=CLEAN", later}, []job.Verdict{job.Clean}},
		{"CLEAN in the same second", []string{"scan-status=CLEAN", same}, nil},
		{"CLEAN earlier", []string{"scan-status=CLEAN", earlier}, nil},
		{"forged CLEAN of the future", []string{"scan-status=CLEAN", "scan-time=2999-01-01T00:00:00Z"}, nil},
		{"forged INFECTED of the future", []string{"scan-status=INFECTED", "scan-time=2999-01-01T00:00:00Z"}, nil},
		{"a clock that is ahead", []string{"scan-status=INFECTED", stamp(time.Hour + time.Minute)}, []job.Verdict{job.Clean, job.Unscannable, job.Infected}},
		{"a time that is none", []string{"scan-status=INFECTED", "scan-time=later"}, nil},
		{"another spelling", []string{"Scan-Status=INFECTED", later}, nil},
		{"a verdict that is none", []string{"scan-status=SPOTLESS", later}, nil},
		{"INFECTED without a time, for lack of room", append(own(9), "scan-status=INFECTED"), []job.Verdict{job.Clean, job.Unscannable}},
		{"UNSCANNABLE without a time, for lack of room", append(own(9), "scan-status=UNSCANNABLE"), nil},
		{"CLEAN without a time, for lack of room", append(own(9), "scan-status=CLEAN"), nil},
		{"INFECTED without a time, with room for it", append(own(8), "scan-status=INFECTED"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for verdict, scan := range scans {
				if got, want := verdicttag.Stands(tags(tt.there...), scan, now), slices.Contains(tt.over, verdict); got != want {
					t.Errorf("in place of %s: %v, want %v", verdict, got, want)
				}
			}
		})
	}
}
