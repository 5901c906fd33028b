package logs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSeek reads times of a log of megabytes, whose lines are not quite in their order, the oldest and the newest
// first. What it finds is what reading all lines finds.
func TestSeek(t *testing.T) {
	t.Parallel()
	const n, begin = 4000, 1_800_000_000_000
	path := filepath.Join(t.TempDir(), "express.log")
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	var times []int64
	for i := range n { // ten seconds apart, with ten minutes of disorder: eleven hours
		at := int64(begin + 10_000*i + random.IntN(600_000))
		times = append(times, at)
		fmt.Fprintf(&text, `{"id":"%d","x":"%s","event_timestamp":"%d"}`+"\n", i, strings.Repeat("x", random.IntN(2000)), at)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	wanted, err := parse("")
	if err != nil {
		t.Fatal(err)
	}
	g := Machine("group", "machine", path)
	for range 50 {
		q := query{since: begin + random.Int64N(10_000*n), wanted: wanted, enough: 1 + random.IntN(200)}
		if random.IntN(3) > 0 {
			q.until = q.since + random.Int64N(10_000*n)
		}
		var want []int64
		for _, at := range times {
			if q.wants(at) {
				want = append(want, at)
			}
		}
		slices.Sort(want)
		oldest, err := g.events(query{q.since, q.until, wanted, n})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, timesOf(oldest)); diff != "" {
			t.Fatalf("since %d until %d (-want +got):\n%s", q.since, q.until, diff)
		}
		newest, err := g.newest(q)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(want)
		if some := min(q.enough, len(want)); !slices.Equal(want[:some], timesOf(newest)[:some]) {
			t.Fatalf("the newest %d since %d until %d: got %d others", q.enough, q.since, q.until, len(newest))
		}
	}
}

func timesOf(events []event) (times []int64) {
	for _, e := range events {
		times = append(times, e.Timestamp)
	}
	return times
}
