package stack

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

func TestScheduled(t *testing.T) {
	t.Parallel()
	minute := template.Schedule{Expression: "rate(1 minute)", Input: `{"count":"permits"}`}
	got, err := scheduled([]template.Function{
		{Name: "st-dispatch", Short: "dispatch", Schedules: []template.Schedule{minute}},
		{Name: "st-freshclam", Short: "freshclam", Schedules: []template.Schedule{{Expression: "cron(0 0 * * ? *)"}}},
		{Name: "st-tag", Short: "tag"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []run{{"st-dispatch", minute, time.Minute}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(run{})); diff != "" {
		t.Errorf("schedules that run (-want +got):\n%s", diff)
	}
	_, err = scheduled([]template.Function{
		{Name: "st-tag", Short: "tag", Schedules: []template.Schedule{{Expression: "cron(0 0 * * ? *)"}}},
	})
	if err == nil || !strings.Contains(err.Error(), "st-tag") || !strings.Contains(err.Error(), "cron(0 0") {
		t.Errorf("got %v, want an error that names the function and its schedule", err)
	}
}
