package mirrortest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Mirror serves databases on loopback and can fail in every way that mirrors
// do. It is safe for concurrent use.
type Mirror struct {
	URL string

	server   *httptest.Server
	mu       sync.Mutex
	files    map[string][]byte // "daily.cvd"
	newest   map[string]Database
	handle   map[string]http.HandlerFunc
	requests []string
}

// New starts a mirror without databases.
func New() *Mirror {
	m := &Mirror{files: map[string][]byte{}, newest: map[string]Database{}, handle: map[string]http.HandlerFunc{}}
	m.server = httptest.NewServer(http.HandlerFunc(m.serve))
	m.URL = m.server.URL
	return m
}

// Close stops the mirror and cuts its connections.
func (m *Mirror) Close() {
	m.server.CloseClientConnections()
	m.server.Close()
}

// Set makes a mirror's set of main, daily and bytecode, of which the daily
// is at version.
func Set(version int, built time.Time, words ...string) []Database {
	old := built.Add(-30 * 24 * time.Hour)
	return []Database{
		{Name: "main", Version: 62, Built: old, Words: []string{"main"}},
		{Name: "daily", Version: version, Built: built, Words: words},
		{Name: "bytecode", Version: 335, Built: old, Words: []string{"bytecode"}},
	}
}

// Offer serves the databases, together with the incremental updates from the
// versions that the mirror had until now.
func (m *Mirror) Offer(databases ...Database) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range databases {
		if old, ok := m.newest[d.Name]; ok && old.Version < d.Version {
			m.files[fmt.Sprintf("%s-%d.cdiff", d.Name, d.Version)] = old.Cdiff(d)
		}
		m.newest[d.Name], m.files[d.Name+".cvd"] = d, d.CVD()
	}
}

// Put serves content under a name; nil removes it.
func (m *Mirror) Put(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[name] = content; content == nil {
		delete(m.files, name)
	}
}

// Get returns what is served under a name.
func (m *Mirror) Get(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[name]
}

// Handle answers requests for a file, or for every file with "*"; nil serves
// files again.
func (m *Mirror) Handle(name string, h http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handle[name] = h; h == nil {
		delete(m.handle, name)
	}
}

// Requests returns what was asked for since the last call, "GET daily.cvd",
// with " header" for the first 512 bytes alone.
func (m *Mirror) Requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.requests = nil }()
	return m.requests
}

func (m *Mirror) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	line := r.Method + " " + name
	if ForHeader(r) {
		line += " header"
	}
	m.mu.Lock()
	m.requests = append(m.requests, line)
	content, ok := m.files[name]
	h := m.handle[name]
	if h == nil {
		h = m.handle["*"]
	}
	m.mu.Unlock()
	switch {
	case h != nil:
		h(w, r)
	case !ok:
		http.NotFound(w, r)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// ForHeader reports whether the request is for a database's header alone,
// which freshclam asks for before it asks for the file.
func ForHeader(r *http.Request) bool { return r.Header.Get("Range") != "" }

// Status answers with a status, and with Retry-After where it is not 0.
func Status(status int, retryAfter time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		}
		http.Error(w, http.StatusText(status), status)
	}
}

// Body answers requests for a whole file by h, and those for its header truly.
func (m *Mirror) Body(name string, h http.HandlerFunc) {
	m.Handle(name, func(w http.ResponseWriter, r *http.Request) {
		if ForHeader(r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Get(name)))
			return
		}
		h(w, r)
	})
}

// Bytes answers with content, whatever was asked for.
func Bytes(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }
}

// Cut promises content, sends half of it and cuts the connection.
func Cut(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
