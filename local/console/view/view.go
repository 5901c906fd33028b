// Package view turns what the pages of the console have found out into HTML: the layout that all pages share, the
// functions of templates, styles, script, and errors. Names of objects, tags, causes and metadata are texts of others:
// html/template escapes them, and the template "text" shows characters that do not print.
package view

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/console/session"
)

//go:embed layout.html parts.html icons.html error.html refused.html
var files embed.FS

//go:embed assets
var assets embed.FS

// View renders the pages about one stack.
type View struct {
	Stack   deployment.Stack
	Version string // of the program
	// Marks returns what the navigation says beside the names of sections, by section: the number of dead letters. It
	// does not wait. It may be nil.
	Marks func() map[string]string
	// StreamEvery overrides the pauses of Stream, in tests. 0 does not.
	StreamEvery time.Duration
	// StreamPatience overrides for how long a browser may take nothing of a stream, in tests. 0 does not.
	StreamPatience time.Duration
}

// Page is what a handler shows.
type Page struct {
	Title   string // without the console's name
	Section string // of the navigation: the path of its page, such as "/executions"
	Content any    // the dot of the template "main"
}

// frame is the dot of the layout.
type frame struct {
	Page
	Sections []section
	Stack    deployment.Stack
	Version  string
	Now      time.Time
}

// section is one entry of the navigation.
type section struct {
	Path, Name, Icon string
	Current          bool
	Mark             string
}

// Template is the template of one page.
type Template struct{ parsed *template.Template }

// Parse reads the templates of a page, of which one is called "main", from files. It panics if they are wrong, which
// every test of a page finds.
func Parse(pages fs.FS, names ...string) Template {
	t := template.New("layout.html").Funcs(functions)
	t = template.Must(t.ParseFS(files, "layout.html", "parts.html", "icons.html"))
	return Template{template.Must(t.ParseFS(pages, names...))}
}

// sections is the navigation. Its paths are those of the pages.
var sections = []section{
	{Path: "/", Name: "Overview", Icon: "overview"},
	{Path: "/executions", Name: "Executions", Icon: "executions"},
	{Path: "/objects", Name: "Objects", Icon: "objects"},
	{Path: "/dead-letters", Name: "Dead letters", Icon: "letters"},
	{Path: "/quarantine", Name: "Quarantine", Icon: "quarantine"},
	{Path: "/definitions", Name: "Definitions", Icon: "definitions"},
}

// Render writes a page. It renders the whole page first, so that an error never follows half of one.
func (v *View) Render(w http.ResponseWriter, r *http.Request, t Template, p Page) error {
	return v.render(w, r, http.StatusOK, t, p)
}

func (v *View) render(w http.ResponseWriter, r *http.Request, status int, t Template, p Page) error {
	f := frame{Page: p, Stack: v.Stack, Version: v.Version, Now: time.Now().UTC()}
	var marks map[string]string
	if v.Marks != nil {
		marks = v.Marks()
	}
	for _, s := range sections {
		s.Current, s.Mark = s.Path == p.Section, marks[s.Path]
		f.Sections = append(f.Sections, s)
	}
	var out bytes.Buffer
	if err := t.execute(r.Context(), &out, "layout.html", f); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // fails when the browser has gone
	return nil
}

// execute renders one template with the form token of a request's session.
func (t Template) execute(ctx context.Context, out *bytes.Buffer, name string, data any) error {
	parsed, err := t.parsed.Clone()
	if err != nil {
		return fmt.Errorf("clone the template %s: %w", name, err)
	}
	form := session.Form(ctx)
	parsed.Funcs(template.FuncMap{"form": func() formField { return formField{session.FormField, form} }})
	if err := parsed.ExecuteTemplate(out, name, data); err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	return nil
}

// formField is the hidden field of every form.
type formField struct{ Name, Value string }

// Problem is an error with the status of the answer to it.
type Problem struct {
	Status int
	Says   string // what went wrong, a sentence
	Err    error  // the cause; may be nil
}

func (p Problem) Error() string {
	if p.Err == nil {
		return p.Says
	}
	return p.Says + ": " + p.Err.Error()
}

func (p Problem) Unwrap() error { return p.Err }

// NotFound is the error about something that is not there.
func NotFound(format string, args ...any) error {
	return Problem{Status: http.StatusNotFound, Says: fmt.Sprintf(format, args...)}
}

// Wrong is the error about a request that cannot be carried out.
func Wrong(format string, args ...any) error {
	return Problem{Status: http.StatusBadRequest, Says: fmt.Sprintf(format, args...)}
}

var errorPage = Parse(files, "error.html")

// Handler makes a handler of a function, whose error is shown as a page.
func (v *View) Handler(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := f(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		p, told := errors.AsType[Problem](err)
		if !told {
			p = Problem{Status: http.StatusBadGateway, Says: "The page could not be read.", Err: err}
		}
		v.Fail(w, r, p)
	})
}

// Fail shows an error as a page.
func (v *View) Fail(w http.ResponseWriter, r *http.Request, p Problem) {
	content := struct {
		Problem
		Cause, Retry string
	}{Problem: p}
	if p.Err != nil {
		content.Cause = awsclient.Says(p.Err)
	}
	if r.Method == http.MethodGet && p.Status >= http.StatusInternalServerError {
		content.Retry = r.URL.RequestURI()
	}
	title := http.StatusText(p.Status)
	if err := v.render(w, r, p.Status, errorPage, Page{Title: title, Content: content}); err != nil {
		slog.Warn("show an error", "cause", err.Error())
		http.Error(w, p.Says, p.Status)
	}
}

// Assets answers the requests below /assets/.
func Assets() http.Handler {
	files := http.FileServerFS(assets)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no list of the folder
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

var refusedPage = Parse(files, "refused.html")

// Refuse answers somebody whom nothing about the stack is shown.
func (v *View) Refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	var out bytes.Buffer
	if err := refusedPage.execute(r.Context(), &out, "refused.html", why); err != nil {
		http.Error(w, why, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // fails when the browser has gone
}
