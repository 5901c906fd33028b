package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestQuick runs every measurement with the smallest amounts, against the
// programs that make build has built: so none of them can rot. What they measure
// then is of no meaning, but that there is something.
func TestQuick(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "bench.json")
	if err := run(t.Context(), []string{"--quick", "--root", "..", "--json", out}); err != nil {
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
	aims := 0
	for _, r := range got.Rows {
		if r.Value <= 0 && !strings.Contains(r.Name, "processor") && !strings.Contains(r.Name, "more than") { // ticks of 10 ms; a difference
			t.Errorf("%s is %g %s", r.Name, r.Value, r.Unit)
		}
		if r.Aim > 0 {
			aims++
		}
	}
	// latency 2, drain 4, fetch 1, cold 2, three for each small function
	if want := 9 + 3*len(small); aims != want {
		t.Errorf("%d rows have an aim, want %d", aims, want)
	}
}

func TestRowSaysWhatIsMissed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		row  row
		want string
	}{
		{"for comparison", row{Name: "a", Value: 1.5, Unit: "s"}, pad("a", "    1.5 s")},
		{"at most, met", row{Name: "a", Value: 25, Unit: "ms", Aim: 25}, pad("a", "     25 ms    <= 25")},
		{"at most, missed", row{Name: "a", Value: 26, Unit: "ms", Aim: 25}, pad("a", "     26 ms    <= 25  MISSED")},
		{"at least, met", row{Name: "a", Value: 150, Unit: "/s", Aim: 150, AtLeast: true}, pad("a", "    150 /s    >= 150")},
		{"at least, missed", row{Name: "a", Value: 149, Unit: "/s", Aim: 150, AtLeast: true}, pad("a", "    149 /s    >= 150  MISSED")},
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
