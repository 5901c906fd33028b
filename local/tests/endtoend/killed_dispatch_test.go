package endtoend

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// nextAttemptWithin is what docs/operations.md promises: a message is hidden for a minute after dispatch has renewed it
// for the last time, and somebody has to receive it then.
const nextAttemptWithin = 70 * time.Second

// TestKilledDispatch kills dispatch before and after calls of each kind, at random: those that keep messages and
// permits, that start executions, that wait for their end, and that count. Nothing is lost, and in the end as many
// objects may be in work as before.
func TestKilledDispatch(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		const permits, kills = 3, 10
		p := startWithProxy(t, "--time-scale", "50", "--parameter-overrides", "MaxConcurrentScans=3", workflow)
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		k := &killer{proxy: p, random: rand.New(rand.NewPCG(seed, 0)), left: kills, kinds: map[string]int{}}
		p.addFault("dispatch", "", k.act())
		want := map[job.Object]end{}
		for i := range 90 {
			content, e := sample.Text(fmt.Sprint("kill ", i)), endClean
			if i%5 == 0 {
				content, e = eicar.Bytes(), endQuarantined
			}
			want[p.Put(t, fmt.Sprintf("killed dispatch/%d", i), content)] = e
			time.Sleep(time.Duration(i%3) * 10 * time.Millisecond) // so that some wait and some do not
		}
		for o := range want {
			p.Await(t, o)
		}
		p.AwaitIdle(t)
		p.checkEnds(t, want)
		p.CheckPermits(t, permits)
		if kinds := k.summary(); len(kinds) < 3 {
			t.Errorf("dispatch was killed at %v, want kills at calls of several kinds", kinds)
		} else {
			t.Logf("killed at %v", kinds)
		}
	})
}

// killer kills a function at some of its calls.
type killer struct {
	proxy  *proxy
	random *rand.Rand

	mu    sync.Mutex
	first time.Time // when it was killed first
	calls int
	left  int            // kills
	kinds map[string]int // how often it was killed at each operation
}

// act returns the action for all calls of the function.
func (k *killer) act() action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		kill, after := k.decide(c)
		if !kill {
			forward.ServeHTTP(w, r)
			return
		}
		shortened(func(_ int, c proxiedCall, _ http.ResponseWriter, forward http.Handler, r *http.Request) {
			if after {
				forward.ServeHTTP(httptest.NewRecorder(), r)
			}
			if pid := k.proxy.Caller(c); pid != 0 { // else it was killed at another call
				_ = syscall.Kill(pid, syscall.SIGKILL) // fails when it has just ended
			}
			panic(http.ErrAbortHandler)
		})(n, c, w, forward, r)
	}
}

// decide chooses the kills: one call in five after the first ones, and nothing when messages come again, so that the
// test does not take several minutes. Each operation is chosen once before any is chosen again: a killed dispatch keeps
// its permit for a minute, and after three kills at one operation no other would be called.
func (k *killer) decide(c proxiedCall) (kill, after bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	limit := 1
	if len(k.kinds) >= 3 {
		limit = 4
	}
	if k.calls++; k.calls < 30 || k.left == 0 || k.random.IntN(5) > 0 || k.kinds[c.Operation] >= limit {
		return false, false
	}
	if k.first.IsZero() {
		k.first = time.Now()
	}
	if time.Since(k.first) > 30*time.Second {
		return false, false
	}
	k.left--
	k.kinds[c.Operation]++
	shortens := c.Operation == "ChangeMessageVisibility" && strings.Contains(c.About, harness.UploadQueue)
	return true, shortens || k.random.IntN(2) == 0
}

// shortened is an action after a moment in which dispatch shortens the visibility of its message, which it does beside
// its other calls. Killed before that, it leaves the message hidden for as long as the queue says: a quarter of an
// hour.
func shortened(act action) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		time.Sleep(time.Second / 2)
		act(n, c, w, forward, r)
	}
}

func (k *killer) summary() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.kinds)
}

// TestKilledDispatchIsReplaced kills dispatch at the start of one execution in each lane, before and after the call,
// and measures when the next attempt comes.
func TestKilledDispatchIsReplaced(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		p := startWithProxy(t, "--parameter-overrides", "MaxConcurrentScans=4", workflow)
		want := map[job.Object]end{}
		faults, began := map[string]*proxyFault{}, time.Now()
		for name, after := range map[string]bool{"before": false, "after": true} {
			for _, operation := range []string{"StartExecution", "StartSyncExecution"} {
				key := "replaced " + name + " " + operation
				f := p.addFault("dispatch "+operation, key, p.kill(t, 1, after))
				want[p.Put(t, key, eicar.Bytes())] = endQuarantined
				if p.Express == (operation == "StartSyncExecution") {
					faults[key] = f
				}
			}
		}
		for key, f := range faults {
			harness.Poll(t, "the next attempt of "+key, func() bool { return len(f.seen()) >= 2 })
		}
		if took := time.Since(began); took > nextAttemptWithin {
			t.Errorf("the next attempts came after %v, want them within %v", took, nextAttemptWithin)
		}
		for o := range want {
			p.Await(t, o)
		}
		p.AwaitIdle(t)
		p.checkEnds(t, want)
		p.CheckPermits(t, 4)
	})
}
