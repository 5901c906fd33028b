package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestMain(m *testing.M) { mirror.Main(m) }

type fakeUpdater struct {
	run func(context.Context) (update.Status, error)
	do  func(update.Request) (update.Listing, error)
}

func (f fakeUpdater) Run(ctx context.Context) (update.Status, error) { return f.run(ctx) }
func (f fakeUpdater) Do(_ context.Context, r update.Request) (update.Listing, error) {
	return f.do(r)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event string
		request     update.Request // zero for an update
	}{
		{name: "the schedule's", event: `{"version":"0","source":"aws.scheduler","detail":{}}`},
		{name: "nothing", event: ``},
		{name: "null", event: `null`},
		{name: "text", event: `"go"`},
		{name: "list", event: `{"definitions":"list"}`, request: update.Request{Definitions: "list"}},
		{
			name:    "pin",
			event:   `{"definitions":"pin","generation":"abc"}`,
			request: update.Request{Definitions: "pin", Generation: "abc"},
		},
		{
			name: "ignore", event: `{"definitions":"ignore","signature":"Win.X-1"}`,
			request: update.Request{Definitions: "ignore", Signature: "Win.X-1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got update.Request
			updates := 0
			h := handler{metrics: metric.New(&bytes.Buffer{}, "lazaret"), updater: fakeUpdater{
				run: func(context.Context) (update.Status, error) { updates++; return update.Status{}, nil },
				do:  func(r update.Request) (update.Listing, error) { got = r; return update.Listing{}, nil },
			}}
			if _, err := h.handle(t.Context(), json.RawMessage(tt.event)); err != nil {
				t.Fatal(err)
			}
			if got != tt.request || (updates == 1) != (tt.request == update.Request{}) {
				t.Errorf("%d updates and the request %+v, want %+v", updates, got, tt.request)
			}
		})
	}
}

func TestHandleError(t *testing.T) {
	t.Parallel()
	want := errors.New("the volume is gone")
	h := handler{metrics: metric.New(&bytes.Buffer{}, "lazaret"), updater: fakeUpdater{
		run: func(context.Context) (update.Status, error) { return update.Status{}, want },
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
		status update.Status
		want   []string
		not    []string
	}{
		{
			name:   "updated",
			status: update.Status{Outcome: freshclam.Updated, Time: now, Current: current, AgeSeconds: 3600},
			want: []string{
				`"DefinitionsAge":3600`, `"DefinitionsVersion":27825`, `"CooldownRemaining":0`,
				`"Outcome":"updated"`, `"UpdateOutcome":1`, `"DefinitionsHeldBack":0`, `"OwnDetections":0`,
			},
		},
		{
			name: "held back",
			status: update.Status{
				Outcome: update.HeldBack, Time: now, Current: current, AgeSeconds: 3600,
				Held:          &update.Hold{Summary: update.Summary{Detections: detections("A", "B"), Files: 9}},
				OwnDetections: update.Summary{Detections: detections("C.UNOFFICIAL"), Files: 4},
			},
			want: []string{`"DefinitionsHeldBack":2`, `"OwnDetections":4`, `"Outcome":"held-back"`, `"DefinitionsAge":3600`},
		},
		{
			name:   "refused",
			status: update.Status{Outcome: freshclam.Refused, Time: now, Retry: now.Add(4 * time.Hour)},
			want:   []string{`"CooldownRemaining":14400`, `"Outcome":"refused"`},
			not:    []string{"DefinitionsAge", "DefinitionsVersion"},
		},
		{
			name:   "a set without a daily has no age",
			status: update.Status{Outcome: freshclam.Current, Time: now, Current: &definitions.Generation{Fingerprint: "abc"}},
			not:    []string{"DefinitionsAge", "DefinitionsVersion"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			h := handler{metrics: metric.New(&out, "lazaret"), updater: fakeUpdater{
				run: func(context.Context) (update.Status, error) { return tt.status, nil },
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
					t.Errorf("got %s, want none in\n%s", not, out.String())
				}
			}
		})
	}
}

func detections(signatures ...string) (all []definitions.Detection) {
	for _, s := range signatures {
		all = append(all, definitions.Detection{Signature: s, File: "documents/report.pdf"})
	}
	return all
}

// TestLogStatus checks that the log says which signature reports which file.
func TestLogStatus(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logStatus(t.Context(), slog.New(slog.NewJSONHandler(&out, nil)), update.Status{
		Outcome: update.HeldBack, News: "New definitions are held back",
		Held:          &update.Hold{Summary: update.Summary{Detections: detections("Win.X-1"), Files: 2}},
		OwnDetections: update.Summary{Detections: detections("Mine.UNOFFICIAL"), Files: 1},
	})
	for _, want := range []string{
		`"level":"ERROR","msg":"definitions held back","signature":"Win.X-1","file":"documents/report.pdf"`,
		`"level":"WARN","msg":"own signature calls a known-clean file infected","signature":"Mine.UNOFFICIAL"`,
		`"New definitions are held back"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

// TestConfigure runs an update as main does, configured by the environment, with a mirror of whole
// files.
func TestConfigure(t *testing.T) {
	need.Freshclam(t)
	need.Clamd(t)
	server := mirror.New()
	defer server.Close()
	server.Offer(mirror.Set(1, time.Now().Add(-2*time.Hour), "lazaretword")...)
	server.Offer(mirror.Set(2, time.Now().Add(-time.Hour), "lazaretword")...)
	root := filepath.Join(t.TempDir(), "definitions")
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := configure(aws.Config{}); err == nil {
		t.Error("configure() with an empty environment: got no error, want one")
	}
	t.Setenv("DEFINITIONS_DIR", root)
	t.Setenv("WORK_DIR", t.TempDir())
	t.Setenv("DATABASE_MIRROR", server.URL)
	t.Setenv("RECORDS_BUCKET", "records")
	t.Setenv("CUSTOM_SIGNATURES", "nonsense")
	if _, err := configure(aws.Config{}); err == nil {
		t.Error("configure() with an invalid CUSTOM_SIGNATURES: got no error, want one")
	}
	t.Setenv("CUSTOM_SIGNATURES", "")
	u, err := configure(aws.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := handler{updater: u, metrics: metric.New(&bytes.Buffer{}, "lazaret")}
	got, err := h.handle(t.Context(), json.RawMessage(`{}`))
	s, ok := got.(update.Status)
	if err != nil || !ok || !s.Published || s.Current.Version != 2 {
		t.Errorf("handle() = %+v, %v, want version 2 published", got, err)
	}
	if s.KnownClean == nil || s.KnownClean.Files < 40 || s.KnownClean.Files != s.KnownClean.Of {
		t.Errorf("the engine was asked about %+v, want all known-clean files of this machine", s.KnownClean)
	}
}
