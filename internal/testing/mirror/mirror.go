package mirror

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

// Mirror serves databases on the loopback interface, and fails as a test requests. It is safe for
// concurrent use.
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

// Close stops the mirror and closes its connections.
func (m *Mirror) Close() {
	m.server.CloseClientConnections()
	m.server.Close()
}

// Set returns main, daily and bytecode, with the daily database in this version. The words must not be
// in any file of the system: a generation that reports such a file is held back.
func Set(version int, built time.Time, words ...string) []Database {
	old := built.Add(-30 * 24 * time.Hour)
	return []Database{
		{Name: "main", Version: 62, Built: old, Words: []string{"lazaretmain"}},
		{Name: "daily", Version: version, Built: built, Words: words},
		{Name: "bytecode", Version: 335, Built: old, Words: []string{"lazaretbytecode"}},
	}
}

// Offer serves the databases, and incremental updates to them from the versions that were served
// before.
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

// Get returns the content that is served under a name.
func (m *Mirror) Get(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[name]
}

// Handle answers requests for a file by h, or for all files if name is "*"; with nil, files are served
// again.
func (m *Mirror) Handle(name string, h http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handle[name] = h; h == nil {
		delete(m.handle, name)
	}
}

// Requests returns the requests since its last call, such as "GET daily.cvd", with " header" at the
// end for the first 512 bytes.
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

// ForHeader reports whether the request is for the header of a database, which freshclam requests
// before the file.
func ForHeader(r *http.Request) bool { return r.Header.Get("Range") != "" }

// Status answers with a status, and with Retry-After if it is not 0.
func Status(status int, retryAfter time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		}
		http.Error(w, http.StatusText(status), status)
	}
}

// Body answers requests for a whole file by h, and requests for its header with the real one.
func (m *Mirror) Body(name string, h http.HandlerFunc) {
	m.Handle(name, func(w http.ResponseWriter, r *http.Request) {
		if ForHeader(r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Get(name)))
			return
		}
		h(w, r)
	})
}

// Bytes answers every request with content.
func Bytes(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }
}

// Cut sends half of the content and closes the connection.
func Cut(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
