// Package pages has the pages of the console, but for the one of a single execution. Each page is a struct whose fields
// are what it asks and does; package console connects them with AWS's clients, and tests with fakes.
package pages

import (
	"embed"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/local/console/view"
)

//go:embed templates
var templates embed.FS

// parse reads the template of one page.
func parse(names ...string) view.Template {
	for i := range names {
		names[i] = "templates/" + names[i]
	}
	return view.Parse(templates, names...)
}

// patience is how long the first look at a page waits for what takes long. After it the page says that it is loading,
// and is completed when the answer has come.
const patience = 1500 * time.Millisecond

// seeOther answers a form: the browser goes to a page that can be loaded again without sending the form again.
func seeOther(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}
