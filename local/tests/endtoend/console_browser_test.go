package endtoend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/tests/filled"
)

// pageWithin bounds one step in a browser, on a computer that does other things too.
const pageWithin = 90 * time.Second

// tab is a tab of a browser of its own, in which a person has opened the console's URL.
type tab struct {
	t       *testing.T
	ctx     context.Context
	console string // address, without a slash at the end
	*troubles
}

// troubles are what pages of the console have done, and must not do.
type troubles struct {
	mu    sync.Mutex
	texts []string
}

// startConsole starts a machine with a console and with executions of the past.
func startConsole(t *testing.T, executions int, flags ...string) *machine {
	t.Helper()
	if !*browse {
		t.Skip("it needs a browser: make browser")
	}
	data, err := os.MkdirTemp("", "lazaret-console-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	if executions > 0 {
		filled.Fill(t, data, filled.Filling{Executions: executions})
	}
	return start(t, append([]string{"--data", data, "--console-port", "0"}, flags...)...)
}

// openConsole opens the URL with the token that the console has printed.
func openConsole(t *testing.T, m *machine) *tab {
	t.Helper()
	command := chromium(t)
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(command.Path), chromedp.NoFirstRun}
	for _, argument := range command.Args[1:] {
		name, value, has := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if has {
			options = append(options, chromedp.Flag(name, value))
		} else {
			options = append(options, chromedp.Flag(name, true))
		}
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	address, _, _ := strings.Cut(m.Console, "/?")
	b := &tab{t: t, console: address, troubles: &troubles{}}
	ctx, end := chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	t.Cleanup(func() {
		end()
		endAllocator()
	})
	b.ctx = ctx
	// The first call starts the browser, and ends it with its context: it has no timeout of its own.
	if err := chromedp.Do(ctx, call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}),
		call(page.Enable, page.EnableParams{})); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	b.do(chromedp.Navigate(m.Console), chromedp.WaitReady("main"))
	if at := value[string](b, "location.href"); at != address+"/" {
		t.Fatalf("the console's URL leads to %s, want %s/, without its token", at, address)
	}
	return b
}

// call calls a command of the browser.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// listen collects errors of scripts, breaches of the policy, dialogs, and requests to other servers.
func (b *tab) listen(event any) {
	add := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.texts = append(b.texts, fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		add("a script failed: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			add("the browser logged %s", e.Entry.Text)
		}
	case *page.EventJavascriptDialogOpening:
		add("a dialog opened: %s", e.Message)
		go func() {
			_ = chromedp.Do(b.ctx, call(page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false}))
		}()
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; b.console != "" && !strings.HasPrefix(u, b.console+"/") && !strings.HasPrefix(u, "data:") {
			add("a request to %s", u)
		}
	}
}

// check fails the test if a page has done what it must not.
func (b *tab) check(what string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.texts {
		b.t.Errorf("%s: %s", what, trouble)
	}
	b.texts = nil
}

// do does some steps in the tab.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageWithin)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("in the browser, at %s: %v", b.at(), err)
	}
}

// at returns where the tab is, for messages.
func (b *tab) at() (url string) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	url, _ = chromedp.Run(ctx, chromedp.Location())
	return url
}

// open opens a page of the console, and waits until it has its content.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.console + path))
	b.wait(ready)
}

// ready holds when the page and its parts that are read later are there.
const ready = `document.readyState === "complete" && document.querySelector("main") !== null &&
	document.querySelector("[aria-busy=true]") === null`

// wait waits until a condition in JavaScript holds.
func (b *tab) wait(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageWithin)
	defer cancel()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		switch {
		case err == nil && holds:
			return
		case ctx.Err() != nil: // while a page is left, there is an error of another kind
			b.t.Fatalf("at %s: wait for %s: %v\n%s", b.at(), condition, err, b.shown())
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// value returns the value of an expression in JavaScript.
func value[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageWithin)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("at %s: evaluate %.100s: %v", b.at(), expression, err)
	}
	return v
}

// shown returns the text of the page, for messages.
func (b *tab) shown() (text string) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, _ = chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	return text[:min(len(text), 3000)]
}

// follow clicks on an element, and waits for the page that it leads to.
func (b *tab) follow(selector string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`window.left = false`), chromedp.Click(selector))
	b.wait(`window.left === undefined && ` + ready)
}

// look sets the colours that the person prefers, and the width of the window in pixels.
func (b *tab) look(scheme string, width int64) {
	b.t.Helper()
	b.do(
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		chromedp.EmulateViewport(width, 900),
	)
}

// rows returns how many rows the first table has.
func (b *tab) rows() int {
	b.t.Helper()
	return value[int](b, `document.querySelectorAll("main table.list tbody tr").length`)
}

// axe returns the rules of axe-core that the page breaks, and where.
func (b *tab) axe() (broken []string) {
	b.t.Helper()
	source, err := os.ReadFile(filepath.Join(need.Programs(b.t), "tools", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is not installed: run make browser: %v", err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](string(source) + "; undefined"))
	type violation struct {
		ID, Help string
		Nodes    []struct{ HTML, Summary string }
	}
	violations := value[[]violation](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.map((v) => ({ID: v.id, Help: v.help,
			Nodes: v.nodes.slice(0, 3).map((n) => ({HTML: n.html, Summary: n.failureSummary}))})))`,
		chromedp.EvalAwaitPromise)
	for _, v := range violations {
		for _, n := range v.Nodes {
			broken = append(broken, fmt.Sprintf("%s (%s): %.300s: %s", v.ID, v.Help, n.HTML, n.Summary))
		}
	}
	return broken
}
