// Package task runs what an operator has asked the console for, and remembers what became of it: sending thousands of
// dead letters back takes minutes, and a browser may leave and come again.
package task

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/awsclient"
)

const (
	maxTasks = 100  // that are remembered
	maxLines = 1000 // of one task
	maxRun   = 2 * time.Hour
)

// Line is something that a task has found out or done.
type Line struct {
	Mood string // a verdict, a status, or "done", "failed": shown as an icon; may be empty
	Text string // may contain text of others
	Link string // path of a page about it; may be empty
}

// State is what is known about a task.
type State struct {
	ID, Title string
	Back      string // path of the page that it was asked for on
	Began     time.Time
	Ended     time.Time // zero while it runs
	Progress  string    // how far it is
	Lines     []Line
	Left      int    // lines that are not remembered
	Error     string // why it has failed
}

// Runs reports whether the task has not ended.
func (s State) Runs() bool { return s.Ended.IsZero() }

// Task is a running task, for the function that does it.
type Task struct {
	mu    sync.Mutex
	state State
}

// Say replaces what is said about the progress.
func (t *Task) Say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Progress = fmt.Sprintf(format, args...)
}

// Add adds a line.
func (t *Task) Add(l Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.state.Lines) >= maxLines {
		t.state.Left++
		return
	}
	t.state.Lines = append(t.state.Lines, l)
}

func (t *Task) snapshot() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.state
	s.Lines = slices.Clone(s.Lines)
	return s
}

// Registry runs tasks, and remembers the last hundred.
type Registry struct {
	ctx   context.Context
	mu    sync.Mutex
	tasks []*Task // the newest last
}

// NewRegistry returns a Registry whose tasks end with ctx.
func NewRegistry(ctx context.Context) *Registry { return &Registry{ctx: ctx} }

// Start runs a function, and returns the id of its task. Its error is that of the task.
func (r *Registry) Start(title, back string, do func(context.Context, *Task) error) (id string) {
	t := &Task{state: State{ID: rand.Text(), Title: title, Back: back, Began: time.Now().UTC()}}
	r.mu.Lock()
	r.tasks = append(r.tasks, t)
	if n := len(r.tasks) - maxTasks; n > 0 {
		r.tasks = slices.Delete(r.tasks, 0, n)
	}
	r.mu.Unlock()
	go func() {
		ctx, cancel := context.WithTimeout(r.ctx, maxRun)
		defer cancel()
		err := call(ctx, t, do)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.state.Ended = time.Now().UTC()
		if err != nil {
			t.state.Error = awsclient.Says(err)
		}
	}()
	return t.state.ID
}

// call calls the function of a task, and returns a panic of it as an error: a panic would end the process, with all
// other tasks and, in lazaret local, the whole stack.
func call(ctx context.Context, t *Task, do func(context.Context, *Task) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			slog.ErrorContext(ctx, "console", "task", t.state.Title, "panic", value, "stack", string(debug.Stack()))
			err = fmt.Errorf("the console has a bug: %v; its log has more", value)
		}
	}()
	return do(ctx, t)
}

// Get returns the state of a task.
func (r *Registry) Get(id string) (State, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tasks {
		if t.state.ID == id { // never changes
			return t.snapshot(), true
		}
	}
	return State{}, false
}
