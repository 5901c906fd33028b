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

// tags returns tags of "key=value" texts, and texts does the opposite.
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

// own returns n tags of the object's own.
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

// The tags of infected("Eicar-Test").
const (
	status      = "scan-status=INFECTED"
	when        = "scan-time=2026-11-22T09:30:00Z"
	detail      = "scan-detail=Eicar-Test"
	definitions = "scan-definitions=27500"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	clean := job.Scan{Verdict: job.Clean, Time: at}
	tests := []struct {
		name     string
		existing []string
		scan     job.Scan
		want     []string
		err      error
	}{
		{name: "no tags", scan: infected("Eicar-Test"), want: []string{status, when, detail, definitions}},
		{
			name:     "own tags stay, in order",
			existing: []string{"b=2", "a=1"},
			scan:     infected("Eicar-Test"),
			want:     []string{"b=2", "a=1", status, when, detail, definitions},
		},
		{
			name:     "six of its own",
			existing: own(6),
			scan:     infected("Eicar-Test"),
			want:     append(own(6), status, when, detail, definitions),
		},
		{
			name:     "seven: definitions go",
			existing: own(7),
			scan:     infected("Eicar-Test"),
			want:     append(own(7), status, when, detail),
		},
		{name: "eight: detail goes", existing: own(8), scan: infected("Eicar-Test"), want: append(own(8), status, when)},
		{name: "nine: time goes", existing: own(9), scan: infected("Eicar-Test"), want: append(own(9), status)},
		{name: "ten", existing: own(10), scan: infected("Eicar-Test"), err: job.ErrTagLimit},
		{
			name: "clean because it is allowed",
			scan: job.Scan{Verdict: job.Clean, Detail: "allowed", Time: at},
			want: []string{"scan-status=CLEAN", when, "scan-detail=allowed"},
		},
		{
			name: "another detail of a clean object", scan: job.Scan{Verdict: job.Clean, Detail: "tiny", Time: at},
			want: []string{"scan-status=CLEAN", when},
		},
		{
			name: "seven and clean: nothing needs to go", existing: own(7),
			scan: job.Scan{Verdict: job.Clean, Time: at, Definitions: &job.Definitions{Version: 1}},
			want: append(own(7), "scan-status=CLEAN", when, "scan-definitions=1"),
		},
		{
			name:     "ten, of which one is forged",
			existing: append(own(9), "scan-status=CLEAN"),
			scan:     infected("Eicar-Test"),
			want:     append(own(9), status),
		},
		{
			name:     "forged verdict",
			existing: []string{"scan-status=CLEAN", "a=1", "scan-detail=trust me", "scan-definitions=0"},
			scan:     infected("Eicar-Test"),
			want:     []string{"a=1", status, when, detail, definitions},
		},
		{
			name:     "forged detail of a clean object",
			existing: []string{"scan-detail=trust me", "scan-definitions=0"},
			scan:     clean,
			want:     []string{"scan-status=CLEAN", when},
		},
		{
			name:     "other keys are its own",
			existing: []string{"Scan-Detail=x", "scan-status =x"},
			scan:     clean,
			want:     []string{"Scan-Detail=x", "scan-status =x", "scan-status=CLEAN", when},
		},
		{
			name:     "forged verdict in another case",
			existing: append(own(9), "SCAN-Status=CLEAN"),
			scan:     infected("Eicar-Test"),
			want:     append(own(9), status),
		},
		{
			name:     "again",
			existing: []string{"a=1", status, when, detail, definitions},
			scan:     infected("Eicar-Test"),
			want:     []string{"a=1", status, when, detail, definitions},
		},
		{
			name: "unscannable",
			scan: job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, Time: at},
			want: []string{"scan-status=UNSCANNABLE", when, "scan-detail=encrypted"},
		},
		{
			name: "no daily",
			scan: job.Scan{Verdict: job.Clean, Definitions: &job.Definitions{}},
			want: []string{"scan-status=CLEAN", "scan-definitions=0"},
		},
		{
			name: "characters that S3 refuses",
			scan: job.Scan{Verdict: job.Infected, Signature: "Ünix(bad);*\x00\n\xff 𐐀=+-._:/@"},
			want: []string{"scan-status=INFECTED", "scan-detail=Ünix_bad______ _=+-._:/@"},
		},
		{
			name: "nothing but spaces",
			scan: job.Scan{Verdict: job.Infected, Signature: "  "},
			want: []string{"scan-status=INFECTED"},
		},
		{
			name: "long", scan: job.Scan{Verdict: job.Infected, Signature: strings.Repeat("é", 300)},
			want: []string{"scan-status=INFECTED", "scan-detail=" + strings.Repeat("é", 256)},
		},
		{name: "no verdict", existing: own(1), scan: job.Scan{}, err: job.ErrBadJob},
		{name: "a verdict of its own", existing: own(1), scan: job.Scan{Verdict: "SPOTLESS"}, err: job.ErrBadJob},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := tags(tt.existing...)
			got, err := verdicttag.Writer{}.Merge(before, tt.scan)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Merge error = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, texts(got)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.existing, texts(before)); diff != "" {
				t.Errorf("argument of Merge (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMergeForGuardDuty writes the second tag, which is the last but one to give way.
func TestMergeForGuardDuty(t *testing.T) {
	t.Parallel()
	const second = "GuardDutyMalwareScanStatus=THREATS_FOUND"
	tests := []struct {
		name     string
		existing []string
		scan     job.Scan
		want     []string
		err      error
	}{
		{name: "room", scan: infected("Eicar-Test"), want: []string{status, second, when, detail, definitions}},
		{
			name: "one tag too many", existing: own(6), scan: infected("Eicar-Test"),
			want: append(own(6), status, second, when, detail),
		},
		{
			name: "before the time", existing: own(8), scan: infected("Eicar-Test"),
			want: append(own(8), status, second),
		},
		{name: "no room for it", existing: own(9), scan: infected("Eicar-Test"), want: append(own(9), status)},
		{name: "no room at all", existing: own(10), scan: infected("Eicar-Test"), err: job.ErrTagLimit},
		{
			name:     "forged, in two spellings",
			existing: []string{"GuardDutyMalwareScanStatus=NO_THREATS_FOUND", "guarddutymalwarescanstatus=X", "a=1"},
			scan:     infected("Eicar-Test"),
			want:     []string{"a=1", status, second, when, detail, definitions},
		},
		{
			name: "clean", scan: job.Scan{Verdict: job.Clean},
			want: []string{"scan-status=CLEAN", "GuardDutyMalwareScanStatus=NO_THREATS_FOUND"},
		},
		{
			name: "unscannable", scan: job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted},
			want: []string{
				"scan-status=UNSCANNABLE", "GuardDutyMalwareScanStatus=UNSUPPORTED", "scan-detail=encrypted",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := verdicttag.Writer{GuardDuty: true}.Merge(tags(tt.existing...), tt.scan)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Merge error = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, texts(got)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
		})
	}
	kept, err := verdicttag.Writer{}.Merge(tags("GuardDutyMalwareScanStatus=THREATS_FOUND"), job.Scan{Verdict: job.Clean})
	want := []string{"GuardDutyMalwareScanStatus=THREATS_FOUND", "scan-status=CLEAN"}
	if diff := cmp.Diff(want, texts(kept)); diff != "" || err != nil {
		t.Errorf("without the parameter the tag is the object's own: %v (-want +got):\n%s", err, diff)
	}
}

func TestLimitNamesTheCount(t *testing.T) {
	t.Parallel()
	_, err := verdicttag.Writer{}.Merge(tags(own(10)...), infected("X"))
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
		over  []job.Verdict // verdicts of scan that do not replace it
	}{
		{name: "nothing"},
		{name: "no verdict, but a time", there: []string{later}},
		{
			name:  "INFECTED later",
			there: []string{"scan-status=INFECTED", later},
			over:  []job.Verdict{job.Clean, job.Unscannable, job.Infected},
		},
		{
			name:  "INFECTED in the same second",
			there: []string{"scan-status=INFECTED", same},
			over:  []job.Verdict{job.Clean, job.Unscannable},
		},
		{name: "INFECTED earlier: a false positive that was cleared", there: []string{"scan-status=INFECTED", earlier}},
		{
			name:  "UNSCANNABLE later",
			there: []string{"scan-status=UNSCANNABLE", later},
			over:  []job.Verdict{job.Clean, job.Unscannable},
		},
		{
			name:  "UNSCANNABLE in the same second",
			there: []string{"scan-status=UNSCANNABLE", same},
			over:  []job.Verdict{job.Clean},
		},
		{name: "UNSCANNABLE earlier", there: []string{"scan-status=UNSCANNABLE", earlier}},
		{name: "CLEAN later", there: []string{"scan-status=CLEAN", later}, over: []job.Verdict{job.Clean}},
		{name: "CLEAN in the same second", there: []string{"scan-status=CLEAN", same}},
		{name: "CLEAN earlier", there: []string{"scan-status=CLEAN", earlier}},
		{name: "forged CLEAN of the future", there: []string{"scan-status=CLEAN", "scan-time=2999-01-01T00:00:00Z"}},
		{name: "forged INFECTED of the future", there: []string{"scan-status=INFECTED", "scan-time=2999-01-01T00:00:00Z"}},
		{
			name:  "a clock that is ahead",
			there: []string{"scan-status=INFECTED", stamp(time.Hour + time.Minute)},
			over:  []job.Verdict{job.Clean, job.Unscannable, job.Infected},
		},
		{name: "a time that is none", there: []string{"scan-status=INFECTED", "scan-time=later"}},
		{name: "another spelling", there: []string{"Scan-Status=INFECTED", later}},
		{name: "a verdict that is none", there: []string{"scan-status=SPOTLESS", later}},
		{
			name:  "INFECTED without a time, for lack of room",
			there: append(own(9), "scan-status=INFECTED"),
			over:  []job.Verdict{job.Clean, job.Unscannable},
		},
		{
			name:  "INFECTED with GuardDuty's tag and without a time, for lack of room",
			there: append(own(8), "scan-status=INFECTED", "GuardDutyMalwareScanStatus=THREATS_FOUND"),
			over:  []job.Verdict{job.Clean, job.Unscannable},
		},
		{name: "UNSCANNABLE without a time, for lack of room", there: append(own(9), "scan-status=UNSCANNABLE")},
		{name: "CLEAN without a time, for lack of room", there: append(own(9), "scan-status=CLEAN")},
		{name: "INFECTED without a time, with room for it", there: append(own(8), "scan-status=INFECTED")},
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
