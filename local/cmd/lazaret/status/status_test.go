package status_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// healthy is a stack in which nothing is wrong. It is made in a bubble, whose clock stands still.
func healthy() *world {
	return &world{
		account: "111122223333",
		depths:  map[string][2]int{"permits": {18, 1}},
		mapping: "Enabled",
		listing: update.Listing{
			Generations: []definitions.Generation{{
				Fingerprint: "1ca1", Version: 27826, Built: time.Now().Add(-14 * time.Hour), Signatures: 8712339,
			}},
			Current: "1ca1",
			Status:  update.Status{Outcome: freshclam.Current, Time: time.Now().Add(-2 * time.Hour)},
		},
		failed: 12, running: 1,
		sweep:      sweepOf("unjudged", `{"considered":500}`),
		canary:     `{"msg":"canary round ended","outcome":"right"}`,
		alarms:     []cwtypes.MetricAlarm{alarm("ward-two-dead-letters", "ward-two-alerts")},
		parameters: map[string]string{"MaxConcurrentScans": "20", "MaxDefinitionsAge": "168", "AlarmsAndDashboard": "true"},
	}
}

// broken is a stack in which everything is wrong.
func broken() *world {
	w := healthy()
	w.depths = map[string][2]int{
		"uploads": {500, 3}, "rescans": {7, 0}, "permits": {20, 0}, "dead-letters": {4, 0},
	}
	w.ages = map[string]float64{"uploads": 7800, "rescans": 4 * 24 * 3600}
	w.mapping = "Disabled"
	w.listing.Generations[0].Built = time.Now().Add(-8 * 24 * time.Hour)
	w.listing.Status = update.Status{Outcome: freshclam.Unreachable, Detail: "no answer", Time: time.Now().Add(-time.Hour)}
	w.letters = []sqstypes.Message{
		deadLetter(1, "TagLimit", time.Hour), deadLetter(2, "AccessDenied", 3*24*time.Hour),
		deadLetter(3, "TagLimit", 2*time.Hour), deadLetter(4, "TagLimit", time.Minute),
	}
	w.sweep = sweepOf("unjudged", fmt.Sprintf(`{"considered":3,"oldestUnjudged":%q}`, time.Now().Add(-5*time.Hour).Format(time.RFC3339)))
	w.canary = `{"msg":"canary round ended","outcome":"wrong","detail":"EICAR was CLEAN"}`
	w.alarms = append(w.alarms, alarm("ward-uploads-waiting", "ward-alerts"), alarm("ward-dead-letters", "ward-alerts"))
	return w
}

// TestPages compares the page of a stack, and the JSON of the one in which everything is wrong.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *world{
		"healthy": healthy, "broken": broken,
		"refused": func() *world { w := healthy(); w.refused = true; return w },
		"new": func() *world { // nothing has run yet
			return &world{account: "111122223333", mapping: "Enabled", depths: map[string][2]int{"uploads": {2, 0}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				report := make().reader(t).Read(t.Context())
				var page, asJSON bytes.Buffer
				if err := status.Print(&page, report); err != nil {
					t.Fatal(err)
				}
				golden(t, name+".golden.txt", page.String())
				if name != "broken" {
					return
				}
				e := json.NewEncoder(&asJSON)
				e.SetIndent("", "  ")
				if err := e.Encode(report); err != nil {
					t.Fatal(err)
				}
				golden(t, name+".golden.json", asJSON.String())
			})
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestWrong changes one thing of a healthy stack, and expects one answer and what to do first.
func TestWrong(t *testing.T) {
	t.Parallel()
	uploads := func(w *world, age float64, free int) {
		w.depths["uploads"], w.depths["permits"] = [2]int{5, 0}, [2]int{free, 0}
		w.ages = map[string]float64{"uploads": age}
	}
	tests := []struct {
		name   string
		change func(*world)
		wrong  bool
		next   string
		says   string // in the page
	}{
		{name: "nothing", change: func(*world) {}, next: "nothing to do"},
		{
			name: "uploads wait for a permit", change: func(w *world) { uploads(w, 800, 0) }, next: "nothing to do",
			says: "5 wait, 0 with dispatch; the oldest for 13 min",
		},
		{
			name: "uploads wait for a permit for too long", change: func(w *world) { uploads(w, 901, 0) }, wrong: true,
			next: "docs/operations.md#alarm-uploads-waiting", says: "because no permit was free",
		},
		{
			name: "uploads wait though a permit is free", change: func(w *world) { uploads(w, 361, 1) }, wrong: true,
			next: "docs/operations.md#alarm-uploads-waiting", says: "though 1 permit is free: nothing starts them",
		},
		{
			name: "dispatch fails", change: func(w *world) { uploads(w, 20, 20); w.mapping = "Disabled" }, wrong: true,
			next: "docs/operations.md#alarm-uploads-waiting", says: "ward-dispatch logged at",
		},
		{name: "uploads have come just now", change: func(w *world) { uploads(w, 20, 20) }, next: "nothing to do"},
		{
			name:   "the age of uploads is not known",
			change: func(w *world) { uploads(w, 0, 20); w.ages = nil }, next: "nothing to do", says: "not known yet",
		},
		{
			name: "rescans wait", next: "nothing to do",
			change: func(w *world) {
				w.depths["rescans"], w.ages = [2]int{1, 0}, map[string]float64{"rescans": 83 * 3600}
			},
		},
		{
			name: "definitions of two days", wrong: true, next: "lazaret definitions update --stack-name ward",
			change: func(w *world) { w.listing.Generations[0].Built = time.Now().Add(-48 * time.Hour) },
			says:   "daily 27826, 2 days 0 h old, 8712339 signatures: updates do not arrive",
		},
		{
			name: "definitions that are refused", wrong: true, next: "lazaret definitions update --stack-name ward",
			change: func(w *world) { w.listing.Generations[0].Built = time.Now().Add(-200 * time.Hour) },
			says:   "older than MaxDefinitionsAge, so nothing is scanned",
		},
		{
			name: "no daily set", wrong: true, next: "lazaret definitions update --stack-name ward",
			change: func(w *world) { w.listing.Generations[0].Built = time.Time{} }, says: "next to nothing is detected",
		},
		{
			name: "no daily set on the local stack", next: "nothing to do",
			change: func(w *world) { w.account, w.listing.Generations[0].Built = "000000000000", time.Time{} },
		},
		{
			name: "definitions are held back", wrong: true, next: "lazaret definitions --stack-name ward",
			change: func(w *world) { w.listing.Status.Held = &update.Hold{} }, says: "newer definitions are held back",
		},
		{
			name: "dead letters come after definitions", wrong: true, next: "lazaret definitions update --stack-name ward",
			change: func(w *world) {
				w.listing.Current = ""
				w.depths["dead-letters"], w.letters = [2]int{1, 0}, []sqstypes.Message{deadLetter(1, "Engine", time.Hour)}
			},
			says: "1: Engine 1; the first expires in 13 days 23 h",
		},
		{
			name: "dead letters come before definitions that are not published", wrong: true,
			next: "lazaret dead-letters list --stack-name ward",
			change: func(w *world) {
				w.listing.Status = update.Status{Outcome: update.Unloadable, Detail: "no canary", Time: time.Now()}
				w.depths["dead-letters"], w.letters = [2]int{1, 0}, []sqstypes.Message{deadLetter(1, "Engine", time.Hour)}
			},
			says: "WRONG      definitions   daily 27826",
		},
		{
			name: "a mirror that does not answer, while the definitions are young", next: "nothing to do",
			change: func(w *world) {
				w.listing.Status = update.Status{Outcome: freshclam.Unreachable, Detail: "no answer", Time: time.Now()}
			},
			says: "ok         definitions   daily 27826, 14 h 0 min old, 8712339 signatures; freshclam 0 s ago: unreachable, no answer",
		},
		{
			name: "a mirror that does not answer, while the definitions are old", wrong: true,
			next: "lazaret definitions update --stack-name ward",
			change: func(w *world) {
				w.listing.Generations[0].Built = time.Now().Add(-48 * time.Hour)
				w.listing.Status = update.Status{Outcome: freshclam.Unreachable, Detail: "no answer", Time: time.Now()}
			},
			says: "updates do not arrive; freshclam 0 s ago: unreachable, no answer",
		},
		{
			name: "a failed update of the local stack", next: "nothing to do",
			change: func(w *world) {
				w.account, w.listing.Generations[0].Built = "000000000000", time.Time{}
				w.listing.Status = update.Status{Outcome: freshclam.Unreachable, Detail: "no answer", Time: time.Now()}
			},
			says: "ok         definitions   no daily set",
		},
		{
			name: "dead letters", wrong: true, next: "lazaret dead-letters list --stack-name ward",
			change: func(w *world) {
				w.depths["dead-letters"], w.letters = [2]int{1, 0}, []sqstypes.Message{deadLetter(1, "Engine", time.Hour)}
			},
		},
		{
			name: "another reader has the dead letters", wrong: true, next: "lazaret dead-letters list --stack-name ward",
			change: func(w *world) { w.depths["dead-letters"] = [2]int{0, 3} }, says: "3, which another reader has now",
		},
		{
			name: "an object without a verdict", wrong: true, next: "lazaret reconcile --stack-name ward",
			change: func(w *world) {
				at := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
				w.sweep = sweepOf("unjudged", `{"considered":3,"oldestUnjudged":"`+at+`"}`)
			},
			says: "the oldest was 1 h 0 min old, as of 1 h 0 min ago",
		},
		{
			name: "an object that has just come", next: "nothing to do",
			change: func(w *world) {
				at := time.Now().Add(-65 * time.Minute).UTC().Format(time.RFC3339)
				w.sweep = sweepOf("unjudged", `{"considered":3,"oldestUnjudged":"`+at+`"}`)
			},
		},
		{
			name:   "a sweep with another question",
			next:   "nothing is wrong; for what is not known: lazaret reconcile --stack-name ward",
			change: func(w *world) { w.sweep = sweepOf("stale", `{"considered":3}`) },
		},
		{
			name:   "a reconcile that saw no version",
			next:   "nothing is wrong; for what is not known: lazaret reconcile --stack-name ward",
			change: func(w *world) { w.sweep = sweepOf("unjudged", `{"considered":0}`) },
		},
		{
			name: "a backfill that only counted",
			next: "nothing is wrong; for what is not known: lazaret reconcile --stack-name ward",
			change: func(w *world) {
				w.sweep = sweepOf("unjudged", `{"considered":3}`)
				w.sweep.Input = aws.String(`{"question":"unjudged","purpose":"backfill","dryRun":true}`)
			},
		},
		{
			name: "the canary was late", wrong: true, next: "lazaret verify --stack-name ward",
			change: func(w *world) { w.canary = `{"outcome":"late","detail":"no verdict in time"}` },
			says:   "late, 3 h 0 min ago: no verdict in time",
		},
		{
			name: "an alarm", wrong: true, next: "read about the alarm: docs/operations.md#alarm-volume-busy",
			change: func(w *world) { w.alarms = append(w.alarms, alarm("ward-volume-busy", "ward-alerts")) },
		},
		{
			name: "no alarms", change: func(w *world) { w.parameters["AlarmsAndDashboard"] = "false" },
			next: "nothing to do", says: "off",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := healthy()
				tt.change(w)
				report := w.reader(t).Read(t.Context())
				var page strings.Builder
				if err := status.Print(&page, report); err != nil {
					t.Fatal(err)
				}
				if report.Wrong != tt.wrong || !strings.HasSuffix(report.Next, tt.next) ||
					!strings.Contains(page.String(), tt.says) {
					t.Errorf("wrong %t, next %q, want %t, %q, and %q in the page:\n%s",
						report.Wrong, report.Next, tt.wrong, tt.next, tt.says, &page)
				}
			})
		})
	}
}

// TestWatchReadsLettersRarely reads the dead letters again only when their number changes, or after a minute: reading
// hides them.
func TestWatchReadsLettersRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		w.depths["dead-letters"], w.letters = [2]int{1, 0}, []sqstypes.Message{deadLetter(1, "Engine", time.Hour)}
		r := w.reader(t)
		reads := func() int { before := w.receives; r.Read(t.Context()); return w.receives - before }
		first, second := reads(), reads()
		w.depths["dead-letters"] = [2]int{2, 0}
		changed := reads()
		time.Sleep(2 * time.Minute)
		if later := reads(); first == 0 || second != 0 || changed == 0 || later == 0 {
			t.Errorf("requests for letters: %d, %d, after a change %d, later %d; want some, none, some, some",
				first, second, changed, later)
		}
	})
}
