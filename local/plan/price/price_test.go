package price

import (
	"math"
	"net/url"
	"regexp"
	"testing"
	"time"
)

func load(t *testing.T) *Table {
	t.Helper()
	table, err := Load(Default)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestTable checks that every figure has an id of its own, a price and a place where it can be read.
func TestTable(t *testing.T) {
	t.Parallel()
	table := load(t)
	if _, err := time.Parse(time.DateOnly, table.Date); err != nil {
		t.Errorf("date %q: %v, want a day", table.Date, err)
	}
	seen := map[string]bool{}
	check := func(id, unit string, s Source) {
		t.Helper()
		if seen[id] || id == "" || unit == "" {
			t.Errorf("%q stands twice, or lacks its id or unit", id)
		}
		seen[id] = true
		if u, err := url.Parse(s.Address); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: source %q, want an https address", id, s.Address)
		}
		if !regexp.MustCompile(`^20\d\d(-(0[1-9]|1[012]))?$`).MatchString(s.From) || s.From > table.Date {
			t.Errorf("%s: from %q, want a year or a month before %s", id, s.From, table.Date)
		}
	}
	for _, p := range table.Prices {
		check("price "+p.ID, p.Unit, p.Source)
		last := 0.0
		for i, tier := range p.Tiers {
			final := i == len(p.Tiers)-1
			if tier.Dollars < 0 || final != (tier.UpTo == 0) || !final && tier.UpTo <= last {
				t.Errorf("price %s: tier %d is %+v, want rising ends and none in the last tier", p.ID, i, tier)
			}
			last = tier.UpTo
		}
		if p.Per <= 0 || len(p.Tiers) == 0 {
			t.Errorf("price %s: per %g, %d tiers, want both above 0", p.ID, p.Per, len(p.Tiers))
		}
	}
	for _, q := range table.Quotas {
		check("quota "+q.ID, q.Unit, q.Source)
		if q.Rate <= 0 || q.Raise == "" {
			t.Errorf("quota %s: %+v, want a rate and what can be done", q.ID, q)
		}
	}
}

// TestCost holds sums that were added up by hand, from AWS's own example of express executions among them:
// https://aws.amazon.com/step-functions/pricing/ (17,361.11 GB-hours are 60 + 120 + 202.97 dollars).
func TestCost(t *testing.T) {
	t.Parallel()
	table := load(t)
	for _, tt := range []struct {
		id       string
		quantity float64
		want     float64
	}{
		{id: "states.transition", quantity: 5_000_000, want: 125},
		{id: "states.transition", quantity: 0, want: 0},
		{id: "states.express.duration", quantity: 17361.11, want: 382.97},
		{id: "states.express.duration", quantity: 1000, want: 60},
		{id: "states.express.duration", quantity: 1001, want: 60.03},
		{id: "s3.tag", quantity: 3_000_000, want: 1.95},
		{id: "sqs.request", quantity: 150e9, want: 40_000 + 15_000},
		{id: "logs.ingest", quantity: 60_000, want: 12_500}, // as the transcript says
		{id: "lambda.duration", quantity: 1e6, want: 16.6667},
	} {
		if got := table.Price(tt.id).Cost(tt.quantity); math.Abs(got-tt.want) > 0.005 {
			t.Errorf("%g of %s cost %.4f dollars, want %.4f", tt.quantity, tt.id, got, tt.want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"mars-north-1", "", "../price"} {
		if table, err := Load(region); err == nil {
			t.Errorf("Load(%q) = %v, want an error", region, table)
		}
	}
}
