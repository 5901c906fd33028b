package lambda

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// TestEvents counts how often a function runs for an event on which it fails, and for one that is refused at first.
func TestEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fail int32 // so many visits
		want int32 // visits in all
	}{{"succeeds", 0, 1}, {"fails twice", 2, 3}, {"fails each time", 100, 3}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var visits atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if visits.Add(1) <= tt.fail {
					panic(http.ErrAbortHandler)
				}
			}))
			t.Cleanup(server.Close)
			h, ended := eventHost(t)
			if err := h.InvokeEvent("f", request("visit", server.URL)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the last run", func() bool { return ended.Load() >= tt.want })
			time.Sleep(20 * h.eventDelays[0]) // a run too many would have begun by then
			if got := visits.Load(); got != tt.want {
				t.Errorf("got %d visits, want %d", got, tt.want)
			}
		})
	}
	t.Run("refused while all environments are busy", func(t *testing.T) {
		t.Parallel()
		begun, end := make(chan struct{}), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			begun <- struct{}{}
			<-end
		}))
		t.Cleanup(server.Close)
		h, ended := eventHost(t)
		for range 2 { // the second one has no environment
			if err := h.InvokeEvent("f", request("visit", server.URL)); err != nil {
				t.Fatal(err)
			}
		}
		<-begun
		time.Sleep(20 * h.eventPause)
		end <- struct{}{}
		<-begun
		end <- struct{}{}
		eventually(t, "both runs", func() bool { return ended.Load() == 2 })
	})
	t.Run("not taken", func(t *testing.T) {
		t.Parallel()
		h, _ := eventHost(t)
		for function, payload := range map[string]string{"g": "{}", "f": "{"} {
			if err := h.InvokeEvent(function, []byte(payload)); err == nil {
				t.Errorf("function %s took the event %s, want an error", function, payload)
			}
		}
	})
}

// eventHost returns a host whose function f has one environment, and counts its runs that ended.
func eventHost(t *testing.T) (h *Host, ended *atomic.Int32) {
	ended = new(atomic.Int32)
	h = startHost(t, Config{Functions: []template.Function{fn("f", reserved(1))}, Ended: func(_ string, _ Result, err error) {
		if err == nil {
			ended.Add(1)
		}
	}})
	h.eventPause = 5 * time.Millisecond
	h.eventDelays = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
	return h, ended
}
