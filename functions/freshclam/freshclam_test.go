package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/freshclam"
	"github.com/lazaret/lazaret/internal/freshclam/mirrortest"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/refresh"
)

func TestMain(m *testing.M) { mirrortest.Main(m) }

type fakeUpdater struct {
	run func(context.Context) (refresh.Status, error)
	do  func(refresh.Request) (refresh.Listing, error)
}

func (f fakeUpdater) Run(ctx context.Context) (refresh.Status, error) { return f.run(ctx) }
func (f fakeUpdater) Do(r refresh.Request) (refresh.Listing, error)   { return f.do(r) }

func TestEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event string
		request     refresh.Request // zero for an update
	}{
		{name: "the schedule's", event: `{"version":"0","source":"aws.scheduler","detail":{}}`},
		{name: "nothing", event: ``},
		{name: "null", event: `null`},
		{name: "text", event: `"go"`},
		{name: "list", event: `{"definitions":"list"}`, request: refresh.Request{Definitions: "list"}},
		{name: "pin", event: `{"definitions":"pin","generation":"abc"}`, request: refresh.Request{Definitions: "pin", Generation: "abc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got refresh.Request
			updates := 0
			h := handler{metrics: metric.New(&bytes.Buffer{}, "lazaret"), updater: fakeUpdater{
				run: func(context.Context) (refresh.Status, error) { updates++; return refresh.Status{}, nil },
				do:  func(r refresh.Request) (refresh.Listing, error) { got = r; return refresh.Listing{}, nil },
			}}
			if _, err := h.handle(t.Context(), json.RawMessage(tt.event)); err != nil {
				t.Fatal(err)
			}
			if got != tt.request || (updates == 1) != (tt.request == refresh.Request{}) {
				t.Errorf("%d updates and the request %+v, want %+v", updates, got, tt.request)
			}
		})
	}
}

func TestErrorsAreTheFunctions(t *testing.T) {
	t.Parallel()
	want := errors.New("the volume is gone")
	h := handler{metrics: metric.New(&bytes.Buffer{}, "lazaret"), updater: fakeUpdater{
		run: func(context.Context) (refresh.Status, error) { return refresh.Status{}, want },
	}}
	if _, err := h.handle(t.Context(), nil); !errors.Is(err, want) {
		t.Errorf("handle() = %v, want %v", err, want)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	current := &definitions.Generation{Fingerprint: "abc", Version: 27825, Built: now.Add(-time.Hour)}
	tests := []struct {
		name   string
		status refresh.Status
		want   []string
		not    []string
	}{
		{
			name:   "updated",
			status: refresh.Status{Outcome: freshclam.Updated, Time: now, Current: current, AgeSeconds: 3600},
			want:   []string{`"DefinitionsAge":3600`, `"DefinitionsVersion":27825`, `"CooldownRemaining":0`, `"Outcome":"updated"`, `"UpdateOutcome":1`},
		},
		{
			name:   "refused",
			status: refresh.Status{Outcome: freshclam.Refused, Time: now, Retry: now.Add(4 * time.Hour)},
			want:   []string{`"CooldownRemaining":14400`, `"Outcome":"refused"`},
			not:    []string{"DefinitionsAge", "DefinitionsVersion"},
		},
		{
			name:   "a set without a daily has no age",
			status: refresh.Status{Outcome: freshclam.Current, Time: now, Current: &definitions.Generation{Fingerprint: "abc"}},
			not:    []string{"DefinitionsAge", "DefinitionsVersion"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			h := handler{metrics: metric.New(&out, "lazaret"), updater: fakeUpdater{
				run: func(context.Context) (refresh.Status, error) { return tt.status, nil },
			}}
			if _, err := h.handle(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %s in\n%s", want, out.String())
				}
			}
			for _, not := range tt.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("%s in\n%s", not, out.String())
				}
			}
		})
	}
}

// TestConfigured runs what main runs, from its environment, against a mirror of
// whole files.
func TestConfigured(t *testing.T) {
	mirror := mirrortest.New()
	defer mirror.Close()
	mirror.Offer(mirrortest.Set(1, time.Now().Add(-2*time.Hour), "word")...)
	mirror.Offer(mirrortest.Set(2, time.Now().Add(-time.Hour), "word")...)
	root := filepath.Join(t.TempDir(), "definitions")
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := configure(aws.Config{}); err == nil {
		t.Error("configure() takes an empty environment")
	}
	t.Setenv("DEFINITIONS_DIR", root)
	t.Setenv("WORK_DIR", t.TempDir())
	t.Setenv("DATABASE_MIRROR", mirror.URL)
	t.Setenv("CUSTOM_SIGNATURES", "nonsense")
	if _, err := configure(aws.Config{}); err == nil {
		t.Error("configure() takes nonsense for CUSTOM_SIGNATURES")
	}
	t.Setenv("CUSTOM_SIGNATURES", "")
	u, err := configure(aws.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := handler{updater: u, metrics: metric.New(&bytes.Buffer{}, "lazaret")}
	got, err := h.handle(t.Context(), json.RawMessage(`{}`))
	if s, ok := got.(refresh.Status); err != nil || !ok || !s.Published || s.Current.Version != 2 {
		t.Errorf("handle() = %+v, %v", got, err)
	}
}
