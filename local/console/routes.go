package console

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/numbers"
	"github.com/lazaret/lazaret/local/console/pages"
	"github.com/lazaret/lazaret/local/console/view"
)

// How long readings stay fresh. A reading of the status costs some 15 requests, one of which invokes a function.
const (
	statusFresh  = 10 * time.Second
	numbersFresh = 30 * time.Second
	localFresh   = 2 * time.Second // on this machine, where nothing is billed
)

// routes returns the handler of all pages. What the pages begin ends with ctx.
func routes(ctx context.Context, site *view.View, c *clients) http.Handler {
	fresh := func(deployed time.Duration) time.Duration {
		if c.stack.IsLocal() {
			return localFresh
		}
		return deployed
	}
	// Who reads the dead letters hides them from others for as long.
	var letters sync.Mutex
	reader := status.New(status.Clients{
		Queues: c.queues, Lambda: c.lambda, Metrics: c.metrics, Logs: c.logs, Stacks: c.stacks, Machines: c.machines,
	}, c.stack)
	report := latest.New(ctx, fresh(statusFresh), func(ctx context.Context) (status.Report, error) {
		letters.Lock()
		defer letters.Unlock()
		return reader.Read(ctx), nil
	})
	counted := latest.New(ctx, fresh(numbersFresh), func(ctx context.Context) (numbers.Numbers, error) {
		return numbers.Read(ctx, c.metrics, c.stack, time.Now())
	})
	site.Marks = func() map[string]string {
		marks := map[string]string{}
		if n := report.Last().Value.DeadLetters.Count; n > 0 {
			marks["/dead-letters"] = strconv.Itoa(n)
		}
		return marks
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", view.Assets())
	pages.Overview{View: site, Status: report, Numbers: counted}.Routes(mux)
	pages.Executions{View: site, Query: c.history.Query}.Routes(mux)
	mux.Handle("/", site.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		return view.NotFound("The console has no page %s.", r.URL.Path)
	}))
	return mux
}
