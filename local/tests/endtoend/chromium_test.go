package endtoend

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

	"github.com/lazaret/lazaret/local/tests/harness"
)

// browse is a flag, so that a missing browser is a failure and not a skip.
var browse = flag.Bool("browser", false, "run the tests that need Chromium, by any of its names")

// foreignServer is a server that does not belong to the stack. It serves the pages that attack the stack, and accepts
// the same requests as the stack, which shows that the pages send them.
type foreignServer struct {
	*httptest.Server
	page func(r *http.Request) (contentType, content string) // of GET requests; nothing where it is empty

	mu   sync.Mutex
	seen []string // method, target and body of each request
}

func startForeignServer(t *testing.T, page func(*http.Request) (string, string)) *foreignServer {
	t.Helper()
	s := &foreignServer{page: page}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *foreignServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// has reports whether a request with this method contained the text.
func (s *foreignServer) has(method, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.seen {
		if strings.HasPrefix(request, method+" ") && strings.Contains(request, text) {
			return true
		}
	}
	return false
}

// urlAs returns the server's URL with another host name.
func (s *foreignServer) urlAs(host string) string {
	return strings.Replace(s.URL, "127.0.0.1", host, 1)
}

// chromium returns Chromium with an empty profile, not started yet. It resolves every name below .test to this
// computer, and no other name.
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
		t.Fatal("Chromium is not on PATH: run make packages")
	}
	// t.TempDir does not help: Chromium's children write to the folder for a moment after its end.
	profile, err := os.MkdirTemp("", "lazaret-browser-")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{
		"--headless",
		"--no-sandbox",
		"--disable-gpu",
		"--disable-dev-shm-usage",
		"--disable-quic",
		"--no-first-run",
		"--disable-background-networking",
		"--disable-component-update",
		"--disable-sync",
		"--disable-popup-blocking",
		"--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
		"--user-data-dir=" + profile,
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

// documentOf opens a URL and returns the document after its scripts have run.
func documentOf(t *testing.T, url string) string {
	t.Helper()
	cmd := chromium(t, "--dump-dom", "--timeout=10000", url)
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	document, err := cmd.Output()
	if err != nil {
		t.Fatalf("show %s: %v", url, err)
	}
	return string(document)
}

// attack is one request of a page to a server.
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

// attackFrom opens a page that makes the attacks, and returns what the page could read. The page's URL is one of the
// foreign server's. A browser of its own opens it, unless another way is given.
func attackFrom(
	t *testing.T, pages *foreignServer, at string, attacks []attack, open ...func(url string),
) (read map[string]string) {
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
			return "text/html", strings.NewReplacer("ATTACKS", string(list), "REPORT", pages.URL+report).Replace(
				string(template),
			)
		}
		return "text/plain", ""
	}
	if len(open) > 0 {
		open[0](at)
	} else if err := chromium(t, at).Start(); err != nil {
		t.Fatal(err)
	}
	harness.Poll(t, "the report of the page "+at, func() bool {
		pages.mu.Lock()
		defer pages.mu.Unlock()
		for _, request := range pages.seen {
			if _, body, ok := strings.Cut(request, report+" "); ok {
				if err := json.Unmarshal([]byte(body), &read); err != nil {
					t.Fatalf("decode the page's report %q: %v", body, err)
				}
				return true
			}
		}
		return false
	})
	return read
}
