package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// TestQuick runs every measurement with the smallest amounts. The figures mean nothing then, but each must exist.
func TestQuick(t *testing.T) {
	t.Parallel()
	need.OwnMachine(t)
	root := need.Programs(t)
	out := filepath.Join(t.TempDir(), "bench.json")
	if err := run(t.Context(), []string{"--quick", "--root", root, "--json", out}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, r := range got.Rows {
		made[r.Measurement] = true
		// Processor time has a resolution of 10 ms, a difference may be negative, and some counts are best at 0.
		mayBeZero := strings.Contains(r.Name, "processor") || strings.Contains(r.Name, "more than") || r.Unit == "" ||
			strings.Contains(r.Name, "of that, ") || r.Spoilt != ""
		if r.Value <= 0 && !mayBeZero {
			t.Errorf("%s = %g %s, want more than 0", r.Name, r.Value, r.Unit)
		}
	}
	for _, m := range measurements() {
		if !made[m.name] {
			t.Errorf("%s has no row, want some", m.name)
		}
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		row  row
		want string
	}{
		{"for comparison", row{Name: "a", Value: 1.5, Unit: "s"}, pad("a", "    1.5 s")},
		{"large", row{Name: "a", Value: 12345.6, Unit: "/s"}, pad("a", "  12346 /s")},
		{"at most, met", row{Name: "a", Value: 25, Unit: "ms", Aim: 25}, pad("a", "     25 ms    <= 25")},
		{"at most, missed", row{Name: "a", Value: 26, Unit: "ms", Aim: 25}, pad("a", "     26 ms    <= 25  MISSED")},
		{"at least, met", row{Name: "a", Value: 150, Unit: "/s", Aim: 150, AtLeast: true}, pad("a", "    150 /s    >= 150")},
		{
			"at least, missed",
			row{Name: "a", Value: 149, Unit: "/s", Aim: 150, AtLeast: true},
			pad("a", "    149 /s    >= 150  MISSED"),
		},
		{
			"not judged",
			row{Name: "a", Value: 26, Unit: "ms", Aim: 25, Spoilt: "others"},
			pad("a", "     26 ms    <= 25  (others)"),
		},
		{"not stated", row{Name: "a", Unit: "%", Aim: 60, AtLeast: true, Spoilt: "others"}, pad("a", "      - %     >= 60  (others)")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.row.String(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestSpoilt checks that no ratio is stated and no aim judged where others used the processors.
func TestSpoilt(t *testing.T) {
	t.Parallel()
	for _, foreign := range []float64{0, float64(runtime.NumCPU())} {
		r := &report{w: io.Discard}
		f := r.during(load{foreign: foreign})
		f.plain("plain", 1, "s")
		f.atMost("missed", 2, "s", 1)
		f.ratio(row{Name: "ratio", Value: 50, Unit: "%", Aim: 60, AtLeast: true})
		spoilt := foreign > 0
		var got []string
		for _, x := range r.Rows {
			got = append(got, fmt.Sprint(x.Value, x.missed(), x.Spoilt != ""))
		}
		want := []string{"1 false false", fmt.Sprint(2, !spoilt, spoilt), fmt.Sprint(50, !spoilt, spoilt)}
		if spoilt {
			want[2] = "0 false true"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("others used %v processors: value, missed, spoilt (-want +got):\n%s", foreign, diff)
		}
	}
}

// TestOthers checks that the work of other processes is seen, and that of this one and its children is not.
func TestOthers(t *testing.T) {
	t.Parallel()
	w, err := beginWatch()
	if err != nil {
		t.Fatal(err)
	}
	others := w
	others.busy -= 10 * time.Second // which nobody but others can have worked
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		_ = sha256.Sum256([]byte("work"))
	}
	ours, err := w.end()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := others.end()
	if err != nil {
		t.Fatal(err)
	}
	// Between the two ends, others may have worked on all processors.
	work := func(l load) float64 { return l.foreign * l.took.Seconds() }
	most := 11 + float64(runtime.NumCPU())*(theirs.took-ours.took).Seconds()
	if d := work(theirs) - work(ours); d < 9.9 || d > most {
		t.Errorf("10 seconds of others' work were counted as %.1f, want 10 to %.1f", d, most)
	}
	if limit := float64(runtime.NumCPU()); ours.foreign > limit+1 {
		t.Errorf("others used %.1f processors, want at most %.0f", ours.foreign, limit)
	}
}

// TestOvertaken checks which uploads count as overtaken.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	u := func(begun, acknowledged, tagged int) upload { return upload{at(begun), at(acknowledged), at(tagged)} }
	tests := []struct {
		name string
		all  []upload
		want int
	}{
		{"one", []upload{u(0, 1, 2)}, 0},
		{"in order", []upload{u(0, 1, 5), u(2, 3, 6), u(4, 5, 7)}, 0},
		{"the last one first", []upload{u(0, 1, 9), u(2, 3, 8), u(4, 5, 7)}, 2},
		{"nobody knows the order", []upload{u(0, 3, 9), u(1, 4, 8)}, 0},
		{"in another order of the list", []upload{u(4, 5, 7), u(0, 1, 9), u(2, 3, 6)}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := overtaken(test.all); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestBurst checks the figures of a burst.
func TestBurst(t *testing.T) {
	t.Parallel()
	var all []upload
	for i := range 100 { // one tag a second; the last one 50 seconds late
		begun := time.Unix(0, 0)
		u := upload{begun, begun.Add(time.Second), begun.Add(time.Duration(i+1) * time.Second)}
		if i == 99 {
			u.tagged = u.tagged.Add(50 * time.Second)
		}
		all = append(all, u)
	}
	var got burst
	got.add(all)
	want := burst{rate: 100.0 / 150, rate90: 1, tail: 150.0 / 90, stored: time.Second}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(burst{}, load{})); diff != "" {
		t.Errorf("burst (-want +got):\n%s", diff)
	}
}

// TestDocument checks that the figures are written between the two lines of a document, that the rest of it stays, and
// that nothing is written where others have spoilt the run.
func TestDocument(t *testing.T) {
	t.Parallel()
	const text = "# Measurements\n\nbefore\n" + documentBegin + "\nold\n" + documentEnd + "\n\nafter\n"
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &report{Rows: []row{
		{Measurement: "latency", Name: "p50", Value: 7.25, Unit: "ms", Aim: 8},
		{Measurement: "drain", Name: "rate", Value: 140, Unit: "/s", Aim: 150, AtLeast: true},
	}}
	write(text)
	if err := r.writeDocument(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n" + documentBegin, documentEnd + "\n\nafter\n", "| p50 | 7.25 ms | at most 8 |\n",
		"| rate | 140 /s | at least 150, **missed** |\n", "One aim was missed.",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the document has no %q:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Errorf("the document has the old figures:\n%s", got)
	}
	r.Rows[0].Spoilt = "others"
	write(text)
	if err := r.writeDocument(path); !errors.Is(err, errSpoilt) {
		t.Errorf("others have spoilt the run: got error %v, want that nothing is written", err)
	}
	if now, _ := os.ReadFile(path); string(now) != text {
		t.Errorf("others have spoilt the run, and the document is\n%s", now)
	}
	r.Rows[0].Spoilt = ""
	write("# Measurements\n")
	if err := r.writeDocument(path); err == nil {
		t.Error("a document without the two lines: got no error, want one")
	}
}

func pad(name, rest string) string {
	return name + string(slices.Repeat([]byte(" "), nameWidth-len(name))) + " " + rest
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i)*time.Millisecond)
	}
	tests := []struct {
		name   string
		values []time.Duration
		p      int
		want   time.Duration
	}{
		{"median of many", all, 50, 100 * time.Millisecond},
		{"99 of 100", all, 99, 198 * time.Millisecond},
		{"of one", []time.Duration{7}, 99, 7},
		{"median of three", []time.Duration{3, 1, 2}, 50, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := percentile(slices.Clone(test.values), test.p); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
