package machine

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browse is a flag, and not a search for a browser, so that a missing one fails.
var browse = flag.Bool("browser", false, "run the tests that need Chromium, by any of its names")

// stranger is a server that is not the stack's: it has the pages that attack the
// stack, and it takes the same requests as the stack, to show that they are sent.
type stranger struct {
	*httptest.Server
	page func(r *http.Request) (contentType, content string) // of GET requests; nothing where it is empty

	mu   sync.Mutex
	seen []string // method, target and body of each request
}

func startStranger(t *testing.T, page func(*http.Request) (string, string)) *stranger {
	t.Helper()
	s := &stranger{page: page}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body))
	s.mu.Unlock()
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		return
	}
	contentType, content := "text/plain", ""
	if s.page != nil {
		contentType, content = s.page(r)
	}
	w.Header().Set("Content-Type", contentType)
	if strings.HasPrefix(r.URL.Path, "/sandboxed") {
		w.Header().Set("Content-Security-Policy", "sandbox allow-scripts allow-forms allow-popups")
	}
	_, _ = io.WriteString(w, content)
}

// has reports whether a request with that method came that has the text.
func (s *stranger) has(method, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.seen {
		if strings.HasPrefix(request, method+" ") && strings.Contains(request, text) {
			return true
		}
	}
	return false
}

// as is the stranger's URL under another name.
func (s *stranger) as(host string) string { return strings.Replace(s.URL, "127.0.0.1", host, 1) }

// chromium starts the browser, new and empty, which takes every name below .test
// for this machine, and asks no other.
func chromium(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Fatal("find Chromium: it is not on PATH (run make packages)")
	}
	// Chromium's children write to its folder for a moment after its end.
	profile, err := os.MkdirTemp("", "lazaret-browser-")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-popup-blocking",
		"--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", "--user-data-dir=" + profile,
	}
	cmd := exec.Command(program, append(flags, arguments...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its own group
			_ = cmd.Wait()
		}
		for range 20 {
			if os.RemoveAll(profile) == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return cmd
}

// show is what a person sees who typed the URL: the document, after its scripts.
func show(t *testing.T, url string) string {
	t.Helper()
	cmd := chromium(t, "--dump-dom", "--timeout=10000", url)
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	document, err := cmd.Output()
	if err != nil {
		t.Fatalf("show %s: %v", url, err)
	}
	return string(document)
}

// attack is one thing that a page does to a server.
type attack struct {
	Name    string            `json:"name"`
	Way     string            `json:"way"` // how the page sends it, see testdata/page.html
	URL     string            `json:"url"`
	Method  string            `json:"method,omitempty"`
	Mode    string            `json:"mode,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Enctype string            `json:"enctype,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"`
}

// visit opens a page that makes the attacks, and returns what it could read. The
// page's URL is the stranger's under some name.
func visit(t *testing.T, pages *stranger, at string, attacks []attack) (read map[string]string) {
	t.Helper()
	template, err := os.ReadFile("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(attacks) // which escapes what would end a script
	if err != nil {
		t.Fatal(err)
	}
	report := fmt.Sprintf("/report/%d", time.Now().UnixNano())
	pages.page = func(r *http.Request) (string, string) {
		if strings.HasSuffix(r.URL.Path, "/page") {
			return "text/html", strings.NewReplacer("ATTACKS", string(list), "REPORT", pages.URL+report).Replace(string(template))
		}
		return "text/plain", ""
	}
	if err := chromium(t, at).Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		pages.mu.Lock()
		seen := append([]string(nil), pages.seen...)
		pages.mu.Unlock()
		for _, request := range seen {
			if _, body, ok := strings.Cut(request, report+" "); ok {
				if err := json.Unmarshal([]byte(body), &read); err != nil {
					t.Fatalf("read the page's report %q: %v", body, err)
				}
				return read
			}
		}
	}
	t.Fatalf("the page %s has not reported within a minute", at)
	return nil
}
