package endtoend

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// proxy forwards the calls of functions to the endpoint, and applies the faults of the tests to them. All other calls
// are forwarded unchanged, with the Host header that their signature covers.
type proxy struct {
	*machine
	server *httptest.Server

	mu     sync.Mutex
	faults []*proxyFault
	copied map[string]string // where a copy was made -> of what
}

// proxiedCall is one request of a function to a service.
type proxiedCall = harness.Call

// proxyFault changes the calls of one function that are about one object.
type proxyFault struct {
	function  string
	key       string
	operation string // any, when empty
	act       action

	mu    sync.Mutex
	calls []string // the operations seen so far
}

// startWithProxy starts a machine whose functions call AWS through a proxy.
func startWithProxy(t testing.TB, flags ...string) *proxy {
	t.Helper()
	p := &proxy{copied: map[string]string{}}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	m := start(t, append([]string{"--functions-endpoint", p.server.URL}, flags...)...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.machine = m
	return p
}

// addFault adds a fault to all calls of a function ("tag"), or to those of one operation ("tag PutObjectTagging"),
// that are about the object with this key.
func (p *proxy) addFault(which, key string, act action) *proxyFault {
	f := &proxyFault{key: key, act: act}
	f.function, f.operation, _ = strings.Cut(which, " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
	return f
}

// removeFaults removes all faults.
func (p *proxy) removeFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// seen returns the operations of the calls to which the fault was applied.
func (f *proxyFault) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	m := p.machine
	p.mu.Unlock()
	if m == nil {
		http.Error(w, "the machine is not ready", http.StatusServiceUnavailable)
		return
	}
	upstream, err := url.Parse(m.Endpoint)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = upstream.Scheme, upstream.Host, pr.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { panic(http.ErrAbortHandler) },
	}
	c := harness.DescribeCall(r)
	p.mu.Lock()
	if c.Operation == "CopyObject" {
		p.copied[r.URL.Path] = c.About
	}
	c.About += " " + p.copied[strings.TrimSuffix(r.URL.Path, ".json")]
	var met *proxyFault
	for _, f := range p.faults {
		if f.function == c.Function && (f.operation == "" || f.operation == c.Operation) &&
			strings.Contains(c.About, f.key) {
			met = f
		}
	}
	p.mu.Unlock()
	if met == nil {
		forward.ServeHTTP(w, r)
		return
	}
	met.mu.Lock()
	met.calls = append(met.calls, c.Operation)
	n := len(met.calls)
	met.mu.Unlock()
	met.act(n, c, w, forward, r)
}

// answerError returns an action that answers with an error in the protocol of the call.
func answerError(status int, code string) action {
	return func(_ int, c proxiedCall, w http.ResponseWriter, _ http.Handler, r *http.Request) {
		c.Refuse(w, r, status, code, "by the test")
	}
}

// kill returns an action that kills the function at its n-th call, before or after the call is forwarded.
func (p *proxy) kill(t testing.TB, nth int, after bool) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n != nth {
			forward.ServeHTTP(w, r)
			return
		}
		if after {
			forward.ServeHTTP(httptest.NewRecorder(), r)
		}
		pid := p.Caller(c)
		if pid == 0 {
			t.Errorf("no process of %s has the connection of its call %s", c.Function, c.Operation)
		} else if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill %s: %v", c.Function, err)
		}
		panic(http.ErrAbortHandler)
	}
}
