package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/explain"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/cmd/lazaret/status"
	"github.com/lazaret/lazaret/local/console/execution"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/numbers"
	"github.com/lazaret/lazaret/local/console/pages"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// How long readings stay fresh. A reading of the status costs some 15 requests, one of which invokes a function.
const (
	statusFresh      = 10 * time.Second
	numbersFresh     = 30 * time.Second
	executionsFresh  = 15 * time.Second // Step Functions is asked about each execution of the page
	lettersFresh     = 30 * time.Second
	quarantineFresh  = time.Minute
	definitionsFresh = 30 * time.Second
	localFresh       = 2 * time.Second // on this machine, where nothing is billed

	// namedOriginals is how many executions are read for the names of what is in quarantine.
	namedOriginals = 50

	// explainSince is how far back executions are looked for whose name cannot be computed, as by the command.
	explainSince = 24 * time.Hour
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
	var report *latest.Value[status.Report]
	report = latest.New(ctx, fresh(statusFresh), func(ctx context.Context) (status.Report, error) {
		if err := lock(ctx, &letters, lettersPatience); err != nil {
			return report.Last().Value, err
		}
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
	tasks := task.NewRegistry(ctx)
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", view.Assets())
	pages.Overview{View: site, Status: report, Numbers: counted}.Routes(mux)
	pages.Executions{View: site, Query: c.history.Query, Every: fresh(executionsFresh)}.Routes(mux)
	execution.Page{
		View: site, Read: c.history.Read, Definition: c.machineOf,
	}.Routes(mux)
	c.objects(site, tasks, &letters).Routes(mux)
	c.deadLetters(ctx, site, tasks, &letters, fresh(lettersFresh), report.Expire).Routes(mux)
	pages.Quarantine{
		View: site, Tasks: tasks, Decide: c.decide,
		Read: latest.New(ctx, fresh(quarantineFresh), func(ctx context.Context) (pages.Quarantined, error) {
			q, err := pages.ReadQuarantine(ctx, c.s3, c.stack.Bucket("quarantine"))
			if err == nil && q.Count > 0 {
				// Without an answer the originals have no names on the page.
				found, _ := c.history.Query(ctx, history.Query{Verdict: job.Infected, Limit: namedOriginals})
				q.Name(found.Rows)
			}
			return q, err
		}),
	}.Routes(mux)
	c.definitions(ctx, site, tasks, fresh(definitionsFresh), report.Expire).Routes(mux)
	pages.Tasks{View: site, Get: tasks.Get}.Routes(mux)
	mux.Handle("/", site.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		return view.NotFound("The console has no page %s.", view.Plain(r.URL.Path))
	}))
	return mux
}

// objects returns the pages about buckets and objects.
func (c *clients) objects(site *view.View, tasks *task.Registry, letters *sync.Mutex) pages.Objects {
	explainer := explain.New(explain.Clients{
		S3: c.s3, Queues: c.queues, Logs: c.logs, Machines: c.machines, Stacks: c.stacks, STS: c.sts,
		Lambda: c.lambda,
	}, c.stack, explainSince)
	return pages.Objects{
		View: site, S3: c.s3, Tasks: tasks, Buckets: c.buckets,
		Explain: func(ctx context.Context, o job.Object) (*explain.Page, error) {
			if err := lock(ctx, letters, lettersPatience); err != nil {
				return nil, err
			}
			defer letters.Unlock()
			return explainer.Explain(ctx, o)
		},
		Find: func(ctx context.Context, o job.Object) (job.Object, error) { return rescan.Find(ctx, c.s3, o) },
		Rescan: func(ctx context.Context, o job.Object) (string, error) {
			return rescan.Start(ctx, c.queues, c.stack, o)
		},
		Follow: func(
			ctx context.Context, name string, since time.Time, report func(rescan.Event),
		) (rescan.End, error) {
			return rescan.Follow(ctx, c.history.Watch(name, since), report)
		},
	}
}

// buckets returns the buckets that the stack has to do with. Which others it watches is in its parameters; while those
// are not known, its own are listed.
func (c *clients) buckets(ctx context.Context) ([]pages.Bucket, error) {
	all := []pages.Bucket{{Name: c.stack.Bucket("uploads"), Role: "Uploads"}}
	described, err := deployment.Describe(ctx, c.stacks, c.stack.Name)
	if err != nil {
		err = fmt.Errorf("cloudformation:DescribeStacks: %w", err)
	} else {
		for name := range strings.SplitSeq(described.Parameters["ExistingBuckets"], ",") {
			if name = strings.TrimSpace(name); name != "" {
				all = append(all, pages.Bucket{Name: name, Role: "Watched"})
			}
		}
		if described.Parameters["BucketLayout"] == "three-bucket" {
			all = append(all, pages.Bucket{Name: c.stack.Bucket("clean"), Role: "Clean"})
		}
	}
	return append(all, pages.Bucket{Name: c.stack.Bucket("quarantine"), Role: "Quarantine"}), err
}

// deadLetters returns the page about the dead letters.
func (c *clients) deadLetters(
	ctx context.Context, site *view.View, tasks *task.Registry, reading *sync.Mutex, fresh time.Duration, changed func(),
) pages.DeadLetters {
	redriver := redrive.New(c.queues, c.stack)
	read := latest.New(ctx, fresh, func(ctx context.Context) (pages.Letters, error) {
		if err := lock(ctx, reading, lettersPatience); err != nil {
			return pages.Letters{}, err
		}
		defer reading.Unlock()
		return pages.ReadLetters(ctx, redriver.List)
	})
	return pages.DeadLetters{
		View: site, Tasks: tasks, Reading: reading, Read: read,
		Redrive: func(
			ctx context.Context, choose func(redrive.Letter) bool, progress func(redrive.Result),
		) (redrive.Result, error) {
			return redriver.Redrive(ctx, 0, choose, progress)
		},
		Changed: func() {
			read.Expire()
			changed()
		},
	}
}

// definitions returns the page about definitions.
func (c *clients) definitions(
	ctx context.Context, site *view.View, tasks *task.Registry, fresh time.Duration, changed func(),
) pages.Definitions {
	ask := func(ctx context.Context, request update.Request, answer any) error {
		return deployment.Invoke(ctx, c.patient, c.stack.Function("freshclam"), request, answer)
	}
	read := latest.New(ctx, fresh, func(ctx context.Context) (d pages.DefinitionsRead, err error) {
		if err := ask(ctx, update.Request{Definitions: update.List}, &d.Listing); err != nil {
			return d, err
		}
		runs, err := pages.ReadRuns(ctx, c.logs, c.stack.LogGroup())
		if d.Runs = runs; err != nil {
			d.NoRuns = awsclient.Says(err)
		}
		return d, nil
	})
	return pages.Definitions{View: site, Tasks: tasks, Ask: ask, Read: read, Changed: func() {
		read.Expire()
		changed()
	}}
}
