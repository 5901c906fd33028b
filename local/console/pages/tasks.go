package pages

import (
	"context"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// Tasks is the page about one thing that an operator has asked for.
type Tasks struct {
	View *view.View
	Get  func(id string) (task.State, bool)
}

var taskPage = parse("task.html")

const taskEvery = 500 * time.Millisecond

// Routes adds the page.
func (t Tasks) Routes(mux *http.ServeMux) {
	mux.Handle("GET /tasks/{id}", t.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		state, known := t.Get(r.PathValue("id"))
		if !known {
			return view.NotFound("The console does not remember this task: it was started again since, or a hundred " +
				"others came after it.")
		}
		return t.View.Render(w, r, taskPage, view.Page{Title: state.Title, Section: state.Back, Content: state})
	}))
	mux.Handle("GET /tasks/{id}/live", t.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return t.View.Stream(w, r, taskPage, "task", taskEvery, func(context.Context) (any, bool, error) {
			state, known := t.Get(r.PathValue("id"))
			return state, !known || !state.Runs(), nil
		})
	}))
}
