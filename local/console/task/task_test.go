package task

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(t.Context())
		id := r.Start("Redrive", "/dead-letters", func(_ context.Context, task *Task) error {
			task.Say("%d of %d", 1, 2)
			time.Sleep(time.Second)
			for range maxLines + 3 {
				task.Add(Line{Text: "x"})
			}
			return errors.New("no")
		})
		synctest.Wait()
		if s, known := r.Get(id); !known || !s.Runs() || s.Progress != "1 of 2" || s.Title != "Redrive" {
			t.Errorf("while it runs: got %+v", s)
		}
		time.Sleep(2 * time.Second)
		s, _ := r.Get(id)
		if s.Runs() || s.Error != "no" || len(s.Lines) != maxLines || s.Left != 3 {
			t.Errorf("at its end: got error %q, %d lines and %d left", s.Error, len(s.Lines), s.Left)
		}
	})
}

func TestPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(t.Context())
		id := r.Start("Redrive", "/", func(context.Context, *Task) error { panic("nobody expected this") })
		synctest.Wait()
		if s, _ := r.Get(id); s.Runs() || !strings.Contains(s.Error, "nobody expected this") {
			t.Errorf("got %+v, want it ended with the panic as its error", s)
		}
	})
}

// The tasks end with the console, and old ones are forgotten.
func TestRegistry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := NewRegistry(ctx)
		first := r.Start("first", "/", func(ctx context.Context, _ *Task) error {
			<-ctx.Done()
			return ctx.Err()
		})
		cancel()
		synctest.Wait()
		if s, _ := r.Get(first); s.Runs() || s.Error == "" {
			t.Errorf("after the end of the console: got %+v, want it ended with an error", s)
		}
		for range maxTasks {
			r.Start("other", "/", func(context.Context, *Task) error { return nil })
		}
		synctest.Wait()
		if _, known := r.Get(first); known {
			t.Error("the oldest of more than a hundred tasks is remembered")
		}
		if _, known := r.Get("no"); known {
			t.Error("a task is known that was never started")
		}
	})
}
