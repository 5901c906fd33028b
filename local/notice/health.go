package notice

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// ownPaths begins the paths that the endpoint answers itself. No bucket has such a name: those begin with a letter or a
// digit.
const ownPaths = "/_lazaret/"

// Health is the answer at /_lazaret/health: 200 when the last invocation of every function succeeded, else 503.
type Health struct {
	Status    string                    `json:"status"` // "ok" or "failing"
	Stack     string                    `json:"stack"`
	Functions map[string]FunctionHealth `json:"functions"` // those that were invoked
	Verdicts  map[string]int            `json:"verdicts"`  // executions by Notice.What, since the stack was started
}

// FunctionHealth counts one function's invocations since the stack was started.
type FunctionHealth struct {
	Invocations int       `json:"invocations"`
	Failures    int       `json:"failures"`
	InARow      int       `json:"failuresInARow"` // up to now
	LastError   string    `json:"lastError,omitempty"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
}

// Handler answers the endpoint's own paths and passes on all others to services.
func (w *Watch) Handler(services http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		path, own := strings.CutPrefix(r.URL.Path, ownPaths)
		switch {
		case !own:
			services.ServeHTTP(answer, r)
		case path != "health":
			http.Error(answer, "the local stack answers /_lazaret/health", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			answer.Header().Set("Allow", "GET, HEAD")
			http.Error(answer, "use GET", http.StatusMethodNotAllowed)
		default:
			w.serveHealth(answer)
		}
	})
}

func (w *Watch) serveHealth(answer http.ResponseWriter) {
	health, status := w.health(), http.StatusOK
	if health.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.Header().Set("Cache-Control", "no-store")
	answer.WriteHeader(status)
	_ = json.NewEncoder(answer).Encode(health) // fails when the client has gone
}

func (w *Watch) health() Health {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := Health{
		Status: "ok", Stack: w.stack, Functions: map[string]FunctionHealth{}, Verdicts: maps.Clone(w.verdicts),
	}
	for name, f := range w.functions {
		h.Functions[name] = f.FunctionHealth
		if f.InARow > 0 {
			h.Status = "failing"
		}
	}
	return h
}
