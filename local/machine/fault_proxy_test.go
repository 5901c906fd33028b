package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// proxy stands between the functions and the endpoint and does to their calls
// what the tests' faults say. Calls that no fault concerns pass unchanged, with
// the Host header that their signature covers.
type proxy struct {
	*Machine
	server *httptest.Server

	mu     sync.Mutex
	faults []*fault
	copied map[string]string // where a copy was made -> of what
}

// call is one request of a function to a service.
type call struct {
	function  string // "tag"
	operation string // "PutObjectTagging", "Publish"
	about     string // where the key of the object stands: path, copy source or body
	peer      string // the function's end of the connection
}

// fault concerns the calls of a function that are about an object.
type fault struct {
	function  string
	key       string
	operation string // any, when empty
	act       action

	mu    sync.Mutex
	calls []string // the operations seen so far
}

// startFaulty starts a machine whose functions call through a proxy.
func startFaulty(t testing.TB, flags ...string) *proxy {
	t.Helper()
	p := &proxy{copied: map[string]string{}}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	m := Start(t, append([]string{"--functions-endpoint", p.server.URL}, flags...)...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Machine = m
	return p
}

// on adds a fault to all calls of a function about the object with this key, or
// to those of one operation ("tag PutObjectTagging"), until it is lifted.
func (p *proxy) on(which, key string, act action) *fault {
	f := &fault{key: key, act: act}
	f.function, f.operation, _ = strings.Cut(which, " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
	return f
}

// lift ends all faults.
func (p *proxy) lift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// seen are the operations that a fault has met.
func (f *fault) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	m := p.Machine
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
	c := describe(r)
	p.mu.Lock()
	if c.operation == "CopyObject" {
		p.copied[r.URL.Path] = c.about
	}
	c.about += " " + p.copied[strings.TrimSuffix(r.URL.Path, ".json")]
	var met *fault
	for _, f := range p.faults {
		if f.function == c.function && (f.operation == "" || f.operation == c.operation) && strings.Contains(c.about, f.key) {
			met = f
		}
	}
	p.mu.Unlock()
	if met == nil {
		forward.ServeHTTP(w, r)
		return
	}
	met.mu.Lock()
	met.calls = append(met.calls, c.operation)
	n := len(met.calls)
	met.mu.Unlock()
	met.act(n, c, w, forward, r)
}

// describe reads what a request asks for. Bodies are read except those of S3,
// which may be large.
func describe(r *http.Request) call {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope := strings.Split(credential, "/")
	c := call{peer: r.RemoteAddr, function: strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(scope[0], "lazaret-"), "FunctionRole"))}
	if len(scope) < 4 || scope[3] != "s3" {
		body, _ := io.ReadAll(r.Body) // what is missing is missing at the service too
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, c.operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c.about = string(body)
		if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
			c.operation, c.about = form.Get("Action"), form.Get("Message")
		}
		return c
	}
	source, _ := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	c.about = r.URL.Path + " " + source
	what := "Object"
	if r.URL.Query().Has("tagging") {
		what = "ObjectTagging"
	}
	verb := map[string]string{"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete"}[r.Method]
	if source != "" {
		verb = "Copy"
	}
	c.operation = verb + what
	return c
}

// refuse answers with an error in the protocol of the call.
func refuse(status int, code string) action {
	return func(_ int, c call, w http.ResponseWriter, _ http.Handler, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.Header.Get("X-Amz-Target") != "":
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "by the test"})
		case c.operation == "Publish":
			w.WriteHeader(status)
			fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>by the test</Message></Error></ErrorResponse>", code)
		default:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			if r.Method != http.MethodHead {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>by the test</Message></Error>", code)
			}
		}
	}
}

// kill ends the function that makes call n, before the call reaches the service
// or when the service has done what it asks.
func (p *proxy) kill(t testing.TB, nth int, after bool) action {
	return func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n != nth {
			forward.ServeHTTP(w, r)
			return
		}
		if after {
			forward.ServeHTTP(httptest.NewRecorder(), r)
		}
		pid := p.caller(c)
		if pid == 0 {
			t.Errorf("find the process of %s that calls %s", c.function, c.operation)
		} else if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill %s: %v", c.function, err)
		}
		panic(http.ErrAbortHandler)
	}
}

// caller is the process that holds the other end of a call's connection, 0 when
// there is none.
func (p *proxy) caller(c call) int {
	_, port, err := net.SplitHostPort(c.peer)
	if err != nil {
		return 0
	}
	number, _ := strconv.Atoi(port)
	table, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[1] != fmt.Sprintf("0100007F:%04X", number) {
			continue
		}
		for _, process := range p.Processes() {
			if process.holds("socket:[" + fields[9] + "]") {
				return process.PID
			}
		}
	}
	return 0
}

// holds reports whether the process has an open descriptor of this name, or of this
// file under the name that it has in the process's own view.
func (p Process) holds(name string) bool {
	file, _ := os.Stat(name)
	descriptors, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID)) // the pattern is well formed
	for _, d := range descriptors {
		if target, _ := os.Readlink(d); target == name {
			return true
		}
		if there, err := os.Stat(d); err == nil && os.SameFile(file, there) {
			return true
		}
	}
	return false
}
