package plan

import (
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{
		0: "0", 7: "7", 0.01536: "0.0154", 8.68056: "8.68", 123.4: "123",
		1000: "1,000", 1234567.8: "1,234,568", 1e12: "1,000,000,000,000",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%g) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[float64]string{0: "$0.00", 12.345: "$12.35", 999.994: "$999.99", 1234.5: "$1,235"} {
		if got := Dollars(d); got != want {
			t.Errorf("Dollars(%g) = %q, want %q", d, got, want)
		}
	}
	for b, want := range map[float64]string{
		0: "0 bytes", 999: "999 bytes", 10_000: "10 KB", 1.5e6: "1.5 MB", 2e9: "2 GB", 5e13: "50 TB",
	} {
		if got := Size(b); got != want {
			t.Errorf("Size(%g) = %q, want %q", b, got, want)
		}
	}
	l := Line{Terms: []Term{
		{Quantity: 5e6, Unit: "state transitions", Price: 0.025, Per: 1000},
		{Quantity: 12.5, Unit: "GB of logs", Price: 0.4, Per: 1, Tiers: true},
	}}
	const want = "5,000,000 state transitions x $0.025 per 1,000 + 12.50 GB of logs x $0.40, the mean of the tiers"
	if got := l.Arithmetic(); got != want {
		t.Errorf("Arithmetic() = %q, want %q", got, want)
	}
}

func TestHours(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 seconds", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes",
		2 * time.Hour: "2.0 hours", 71*time.Hour + 30*time.Minute: "71.5 hours", 72 * time.Hour: "3.0 days",
	} {
		if got := Hours(d); got != want {
			t.Errorf("Hours(%v) = %q, want %q", d, got, want)
		}
	}
}
