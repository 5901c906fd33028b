package page

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/plan"
)

// TestCurrent compares docs/cost.md with what would be written now.
func TestCurrent(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := Write(&got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("docs/cost.md is out of date; run make cost (-file +now):\n%s", diff)
	}
}

// TestAims holds the sentence of the page that both aims are met.
func TestAims(t *testing.T) {
	t.Parallel()
	b, err := figures{bursts: map[string]*plan.Burst{}}.burst(plan.Express, usual, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if b.Dollars > aim || b.Dispatch > dispatchAim {
		t.Errorf("a million objects cost %.2f, of it %.2f for machine, dispatch and queues, want at most %d and %d",
			b.Dollars, b.Dispatch, aim, dispatchAim)
	}
}

// TestQuoted holds the figures that other documents quote.
func TestQuoted(t *testing.T) {
	t.Parallel()
	f := figures{bursts: map[string]*plan.Burst{}}
	dollars := func(w plan.Workflow, bytes int) float64 {
		b, err := f.burst(w, usual, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return b.Dollars
	}
	b, err := f.burst(plan.Standard, usual, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	small := []any{dollars(plan.Standard, 10_000), dollars(plan.Express, 10_000)}
	medium := []any{dollars(plan.Standard, 1_000_000), dollars(plan.Express, 1_000_000)}
	large := plan.Count(dollars(plan.Standard, 100_000_000))
	for path, quotes := range map[string][]string{
		"README.md": {
			fmt.Sprintf("costs about %.0f dollars a month", b.Idle),
			fmt.Sprintf("| $%.0f; $%.0f with `Workflow=EXPRESS` |", small...), fmt.Sprintf("| $%.0f; $%.0f |", medium...),
		},
		"docs/comparison.md": {
			fmt.Sprintf("| %.0f, or %.0f with `Workflow=EXPRESS` [6] |", small...), fmt.Sprintf("| %.0f, or %.0f [6] |", medium...),
			"| " + large + " [6] |", fmt.Sprintf("| about %.0f [6] |", b.Idle),
		},
		"docs/deploy.md": {fmt.Sprintf("About %.0f dollars a month while idle", b.Idle)},
	} {
		text, err := os.ReadFile("../../../" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, quote := range quotes {
			if !strings.Contains(string(text), quote) {
				t.Errorf("%s does not say %q", path, quote)
			}
		}
	}
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	if err := Write(failing{full}); !errors.Is(err, full) {
		t.Errorf("Write() = %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
