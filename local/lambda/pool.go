package lambda

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

// function is a template's function with its environments. A slot is a place under the concurrency limit. Whoever
// acquired it returns it: by release with a healthy environment, by drop without one. An idle environment keeps its
// slot.
type function struct {
	template.Function
	host    *Host
	limit   int
	sampler sampler

	mu    sync.Mutex
	slots int
	idle  []*environment            // the last one used is at the end
	homes []home                    // of environments whose processes crashed
	live  map[*environment]struct{} // every one whose processes may exist
}

// acquire takes a slot and the environment used last. When no environment is idle it returns nil, and the caller starts
// one.
func (f *function) acquire() (*environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.idle); n > 0 {
		e := f.idle[n-1]
		f.idle = f.idle[:n-1]
		e.process.SetIdle(false)
		if f.host.Freeze {
			e.process.Thaw()
		}
		return e, nil
	}
	if f.slots >= f.limit {
		reason := "ConcurrentInvocationLimitExceeded"
		if f.Reserved != nil {
			reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
		}
		return nil, &api.Error{
			Code: tooManyRequests, Message: "Rate Exceeded.", Reason: reason, Status: http.StatusTooManyRequests,
		}
	}
	f.slots++
	return nil, nil
}

// release returns a slot with its environment, which has asked for more work.
func (f *function) release(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.hasExited() {
		f.slots--
		return
	}
	e.process.SetIdle(true)
	if f.host.Freeze {
		e.process.Freeze()
	}
	f.idle = append(f.idle, e)
}

// drop returns a slot whose environment is gone.
func (f *function) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots--
}

// enter adds an environment that has started. It is false when the host closes and may not have seen it.
func (f *function) enter(e *environment) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[e] = struct{}{}
	return f.host.ctx.Err() == nil
}

// leave removes an environment whose processes are gone.
func (f *function) leave(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.live, e)
	if i := slices.Index(f.idle, e); i >= 0 { // it died while nobody used it
		f.idle = slices.Delete(f.idle, i, i+1)
		f.slots--
	}
	close(e.exited)
}

func (f *function) environments() []*environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.live))
}
