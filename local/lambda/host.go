// Package lambda runs functions on this machine as AWS Lambda does: compiled Linux programs that speak the Lambda
// Runtime API, each execution environment in a sandbox. It has the Invoke API over HTTP and in process, and feeds
// functions from queues and by schedules.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret/local/guard"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// Config says what a Host runs. Functions and Binary are required; Volume too when a function has a mount, and Queue
// when a function has a queue as its source.
type Config struct {
	Functions []template.Function
	// Binary returns a function's bootstrap. It is called at each start of an environment, so that a rebuilt program
	// is found.
	Binary func(template.Function) (path string, err error)
	// Volume is the folder that stands for the shared file system.
	Volume string
	// Temp is the folder for the environments' temporary files; the system's when empty.
	Temp string
	// Environment returns variables ("KEY=value") that are added to the template's and replace those of the same name:
	// endpoints and credentials.
	Environment func(template.Function) []string
	Queue       queue
	// Logs receives each line that a function writes to standard output or standard error. The stream names the
	// environment, as a CloudWatch log stream does. It is called from several goroutines.
	Logs func(function, stream, line string)
	// Sandbox is how much of Lambda's sandbox is wanted. Where this machine allows less, less is enforced;
	// Host.Weakness says why.
	Sandbox sandbox.Level
	// Mask names system calls to refuse beside those that Lambda refuses.
	Mask []string
	// Peers says that the kernel tells which user a connection is from. Then the Runtime API admits functions alone.
	Peers bool
	// Ended receives the result of each invocation, or the error for which the function did not run. It is called from
	// several goroutines, and may be nil.
	Ended func(function string, result Result, err error)
	// Freeze stops all processes of an environment between invocations, as Lambda does.
	Freeze bool
}

// How many environments a function may have that reserves none: the quota of an account or, where no function reserves
// any, that of a new account. On AWS such functions share them.
const (
	quota    = 1000
	newQuota = 10
)

// Host runs the functions of one application. Close ends it.
type Host struct {
	Config
	names     []string // in the template's order
	functions map[string]*function
	runtime   *guard.Peers // of the Runtime API
	listening sync.Map     // secret to *environment
	tracing   net.PacketConn
	users     atomic.Int64 // how many were given to environments
	level     sandbox.Level
	weakness  error
	initLimit time.Duration
	// The pauses of events, see event.go.
	eventPause  time.Duration
	eventDelays []time.Duration
	ctx         context.Context // done once Close has begun
	cancel      context.CancelFunc

	mu      sync.Mutex // guards closed and additions to running
	closed  bool
	running sync.WaitGroup // invocations, also those whose caller has gone
}

// New prepares the folders of the functions' mounts and returns a Host without environments.
func New(cfg Config) (*Host, error) {
	volume, err := filepath.Abs(cfg.Volume) // functions run in other folders
	if err != nil {
		return nil, fmt.Errorf("locate volume %s: %w", cfg.Volume, err)
	}
	cfg.Volume = volume
	h := &Host{
		Config: cfg, functions: map[string]*function{}, initLimit: initLimit,
		eventPause: eventPause, eventDelays: eventDelays(),
	}
	unreserved := newQuota
	if slices.ContainsFunc(cfg.Functions, func(f template.Function) bool { return f.Reserved != nil }) {
		unreserved = quota
	}
	for _, spec := range cfg.Functions {
		spec.Timeout = cmp.Or(spec.Timeout, 3*time.Second) // Lambda's default
		for _, m := range spec.Mounts {
			if err := makeShared(filepath.Join(cfg.Volume, m.Root)); err != nil {
				return nil, fmt.Errorf("prepare mount %s of function %s: %w", m.Path, spec.Name, err)
			}
		}
		limit := unreserved
		if spec.Reserved != nil {
			limit = *spec.Reserved
		}
		h.names = append(h.names, spec.Name)
		h.functions[spec.Name] = &function{
			Function: spec, host: h, limit: limit, live: map[*environment]struct{}{},
		}
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.listen(); err != nil {
		return nil, err
	}
	h.level, h.weakness = sandbox.Probe(cfg.Temp, cfg.Sandbox, h.stranger())
	return h, nil
}

// Level is how much of Lambda's sandbox is enforced.
func (h *Host) Level() sandbox.Level { return h.level }

// Weakness says why less of the sandbox is enforced than is wanted. It is nil when all of it is.
func (h *Host) Weakness() error { return h.weakness }

// listen opens the Runtime API, and the address of X-Ray's daemon, where it discards what functions send.
func (h *Host) listen() (err error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("open the Runtime API: %w", err)
	}
	h.runtime = &guard.Peers{
		TCPListener: listener,
		Why:         func(uint32) string { return "The Runtime API is for functions." },
	}
	if h.Peers {
		h.runtime.Admit = h.Runs
	}
	if h.tracing, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return errors.Join(fmt.Errorf("open the address for traces: %w", err), h.runtime.Close())
	}
	//nolint:gosec // a call of next has no time limit
	server := &http.Server{Handler: h.runtimeAPI(), ConnContext: guard.ConnContext}
	go func() { _ = server.Serve(h.runtime) }() // ends in Close
	go func() {
		for err, buffer := error(nil), make([]byte, 64<<10); err == nil; {
			_, _, err = h.tracing.ReadFrom(buffer)
		}
	}()
	return nil
}

// user returns the user that an environment of f runs as. With a volume it is the user of the access point, so that
// files there have the owners that they have on AWS; without one it is a user of its own. It is nil, which means the
// user of this process, where users cannot be changed.
func (f *function) user() *sandbox.User {
	if f.host.level < sandbox.View || !sandbox.OtherUsers() {
		return nil
	}
	for _, m := range f.Mounts {
		if p := m.AccessPoint; p != nil {
			return &sandbox.User{UID: p.UID, GID: p.GID, Groups: p.SecondaryGIDs}
		}
	}
	return f.host.stranger()
}

// Runs reports whether a function runs as that user, or has an access point with that user: it may run in a container
// then.
func (h *Host) Runs(uid uint32) (found bool) {
	for _, f := range h.functions {
		for _, m := range f.Mounts {
			if sandbox.OtherUsers() && m.AccessPoint != nil && uint32(m.AccessPoint.UID) == uid {
				return true
			}
		}
	}
	h.listening.Range(func(_, e any) bool {
		found = e.(*environment).uid() == uid
		return !found
	})
	return found
}

// stranger returns a user that neither an access point nor, most likely, another host on this machine has. It is nil
// where users cannot be changed.
func (h *Host) stranger() *sandbox.User {
	if !sandbox.OtherUsers() {
		return nil
	}
	id := sandbox.FirstUser() + 10_000 + (64*os.Getpid()+int(h.users.Add(1)))%9_000
	return &sandbox.User{UID: id, GID: id, Alone: true}
}

// makeShared creates a folder that every function may write to.
func makeShared(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777) // the umask took bits away
}

// Close kills all environments and returns when their processes are gone. Invocations under way end in
// Runtime.ExitError, later ones in ServiceException.
func (h *Host) Close() {
	h.mu.Lock()
	again := h.closed
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	var stopping sync.WaitGroup
	for _, f := range h.functions {
		for _, e := range f.environments() {
			stopping.Go(e.kill)
		}
	}
	stopping.Wait()
	h.running.Wait()
	if again {
		return
	}
	_, _ = h.runtime.Close(), h.tracing.Close()
	for _, f := range h.functions {
		for _, home := range f.homes {
			_ = os.RemoveAll(home.folder)
		}
	}
}

// begin counts an invocation, for which Close waits. It is false when Close has begun.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.running.Add(1)
	return true
}

// find accepts a name or an ARN, with or without the version $LATEST.
func (h *Host) find(nameOrARN string) (*function, error) {
	name := strings.TrimSuffix(nameOrARN, ":"+latest)
	if _, after, isARN := strings.Cut(name, ":function:"); isARN {
		name = after
	}
	if f := h.functions[name]; f != nil {
		return f, nil
	}
	return nil, notFound(name)
}

// latest is the only version of each function.
const latest = "$LATEST"
