package local

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// ownPaths are answered by the endpoint itself. No bucket has such a name: S3's
// begin with a letter or a number.
const ownPaths = "/_lazaret/"

// Health is the answer of /_lazaret/health: 200 when the last invocation of
// every function did its work, 503 when one did not.
type Health struct {
	Status    string                    `json:"status"` // "ok", or "failing"
	Stack     string                    `json:"stack"`
	Functions map[string]FunctionHealth `json:"functions"` // those that were invoked
	Verdicts  map[string]int            `json:"verdicts"`  // how executions ended since the stack was started, by Notice.What
}

// withHealth answers the paths that are no service's.
func (s *Stack) withHealth(services http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, own := strings.CutPrefix(r.URL.Path, ownPaths)
		switch {
		case !own:
			services.ServeHTTP(w, r)
		case path != "health":
			http.Error(w, "the local stack answers /_lazaret/health", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "GET alone", http.StatusMethodNotAllowed)
		default:
			s.serveHealth(w)
		}
	})
}

func (s *Stack) serveHealth(w http.ResponseWriter) {
	health, status := s.watch.health(s.Application.Name), http.StatusOK
	if health.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(health) // the client has gone if not
}

// health is what is known now.
func (w *watch) health(stack string) Health {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := Health{Status: "ok", Stack: stack, Functions: map[string]FunctionHealth{}, Verdicts: map[string]int{}}
	for name, f := range w.functions {
		h.Functions[name] = f.FunctionHealth
		if f.InARow > 0 {
			h.Status = "failing"
		}
	}
	maps.Copy(h.Verdicts, w.verdicts)
	return h
}
