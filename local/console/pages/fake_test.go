package pages

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// site renders the pages of tests.
func site() *view.View {
	return &view.View{Stack: deployment.Stack{Name: "ward"}, StreamEvery: time.Millisecond}
}

// hostileKey is a key that would run or mislead if a page showed it as it is.
const hostileKey = "in/<script>alert(1)</script>\"'&\u202egpj.exe"

// routes is a page of this package.
type routes interface{ Routes(*http.ServeMux) }

// get asks a page, and checks that nothing hostile is in the answer.
func get(t *testing.T, page routes, path string) (int, string) {
	t.Helper()
	return ask(t, page, httptest.NewRequest(http.MethodGet, path, nil))
}

// post sends a form to a page.
func post(t *testing.T, page routes, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, page, r)
}

func ask(t *testing.T, page routes, r *http.Request) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	page.Routes(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	body := w.Body.String()
	for _, wrong := range []string{"<script>alert", "Sig<b>", "\u202e", " style=", "ZgotmplZ"} {
		if strings.Contains(body, wrong) {
			t.Errorf("%s: the page contains %q:\n%s", r.URL, wrong, body)
		}
	}
	if w.Code == http.StatusSeeOther {
		return w.Code, w.Header().Get("Location")
	}
	return w.Code, body
}

// wants checks that a page contains texts, however it escapes them.
func wants(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(body), html.UnescapeString(text)) {
			t.Errorf("the page lacks %q:\n%s", text, body[max(0, strings.Index(body, "<main")):])
		}
	}
}

// fixed is a reading that is always the same.
func fixed[T any](t *testing.T, value T, err error) *latest.Value[T] {
	t.Helper()
	return latest.New(t.Context(), time.Hour, func(context.Context) (T, error) { return value, err })
}

// finish waits for the end of the task on whose page a form has ended.
func finish(t *testing.T, tasks *task.Registry, code int, location string) task.State {
	t.Helper()
	id, isTask := strings.CutPrefix(location, "/tasks/")
	if code != http.StatusSeeOther || !isTask {
		t.Fatalf("got %d to %q, want 303 to a task", code, location)
	}
	for range 1000 {
		if s, known := tasks.Get(id); known && !s.Runs() {
			return s
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the task does not end")
	return task.State{}
}
