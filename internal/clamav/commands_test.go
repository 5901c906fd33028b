package clamav

import (
	"testing"
	"time"
)

// TestDisabledCommands sends commands that Lazaret does not use. From 1.5 on, clamd is configured to
// refuse them, also to a program that an exploit runs beside it.
func TestDisabledCommands(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	if !e.version.atLeast(1, 5) {
		if got, err := e.client.ask(within(t, time.Minute), "VERSION", nil); err != nil || string(got) != e.Version()+"\x00" {
			t.Errorf("VERSION = %q, %v, want %q: can its commands be closed now?", got, err, e.Version())
		}
		return
	}
	for _, command := range []string{"SHUTDOWN", "RELOAD", "STATS", "VERSION"} {
		if got, err := e.client.ask(within(t, time.Minute), command, nil); err != nil ||
			string(got) != "COMMAND UNAVAILABLE\x00" {
			t.Errorf("%s = %q, %v, want COMMAND UNAVAILABLE", command, got, err)
		}
	}
	if err := e.Prove(within(t, time.Minute)); err != nil {
		t.Errorf("Prove() after them = %v, want no error", err)
	}
}
