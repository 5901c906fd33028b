// Package lambda runs functions on this machine as AWS Lambda would: compiled
// Linux binaries, each execution environment in a sandbox (package sandbox),
// spoken to through the Lambda Runtime API. It offers the Invoke API over HTTP and
// in process, and feeds functions from queues. It runs no schedule, and knows no
// other service: package local wires it to them.
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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret/local/guard"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// Config says what a Host runs. Functions and Binary are required; Volume too
// when a function has a mount, and Queue when one has a queue as its source.
type Config struct {
	Functions []template.Function
	// Binary names the executable that plays a function's bootstrap. It is asked
	// at each start of an environment, so a rebuilt binary is found.
	Binary func(template.Function) (path string, err error)
	// Volume is the folder that stands for the shared file system.
	Volume string
	// Temp is the folder for the environments' temporary files, the system's own
	// when empty.
	Temp string
	// Environment adds variables ("KEY=value") to the template's: endpoints and
	// credentials. They win over the template's.
	Environment func(template.Function) []string
	Queue       queue
	// Logs receives each line that a function writes. The stream names the
	// environment, as a CloudWatch log stream does; as on Lambda, standard output
	// and standard error are one. It is called from several goroutines.
	Logs func(function, stream, line string)
	// Sandbox is how much of Lambda's sandbox is wanted; less is enforced where this
	// machine allows less, which Host.Weakness tells.
	Sandbox sandbox.Level
	// Mask names system calls that are refused beside those that Lambda refuses.
	Mask []string
	// Peers says that the kernel tells whose a connection is: then nobody reaches the
	// Runtime API but functions.
	Peers bool
	// Ended hears how each invocation ended: its result, or why the function was
	// not run. It is called from several goroutines, and may be nil.
	Ended func(function string, result Result, err error)
	// Freeze stops all processes of an environment between invocations, as Lambda
	// does.
	Freeze bool
	// DefaultConcurrency caps the environments of a function that reserves none;
	// 10 when zero, the quota of a new account.
	DefaultConcurrency int
}

// Host runs the functions of one application. Close ends it.
type Host struct {
	Config
	names     []string // in the template's order
	functions map[string]*function
	runtime   *guard.Peers // of the Runtime API
	listening sync.Map     // secret to *environment
	tracing   net.PacketConn
	lives     atomic.Int64 // users given to environments
	level     sandbox.Level
	weakness  error
	initLimit time.Duration
	ctx       context.Context // done once Close has begun
	cancel    context.CancelFunc

	mu     sync.Mutex // guards closed, and with it additions to running
	closed bool
	// running counts invocations, also those whose caller has gone away.
	running sync.WaitGroup
}

// New prepares the folders of the functions' mounts and returns a Host without
// environments: the first invocation starts one.
func New(cfg Config) (*Host, error) {
	cfg.DefaultConcurrency = cmp.Or(cfg.DefaultConcurrency, 10)
	volume, err := filepath.Abs(cfg.Volume) // functions run in other folders
	if err != nil {
		return nil, fmt.Errorf("locate volume %s: %w", cfg.Volume, err)
	}
	cfg.Volume = volume
	h := &Host{Config: cfg, functions: map[string]*function{}, initLimit: initLimit}
	for _, spec := range cfg.Functions {
		spec.Timeout = cmp.Or(spec.Timeout, 3*time.Second) // Lambda's default
		for _, m := range spec.Mounts {
			if err := makeShared(filepath.Join(cfg.Volume, m.Root)); err != nil {
				return nil, fmt.Errorf("prepare mount %s of function %s: %w", m.Path, spec.Name, err)
			}
		}
		limit := cfg.DefaultConcurrency
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

// Weakness says why less is enforced than was wanted; nil when all is.
func (h *Host) Weakness() error { return h.weakness }

// listen opens the Runtime API, and the address at which Lambda has X-Ray's
// daemon. What functions send there is read and forgotten.
func (h *Host) listen() (err error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("open the Runtime API: %w", err)
	}
	h.runtime = &guard.Peers{TCPListener: listener, Why: func(uint32) string { return "The Runtime API is for functions." }}
	if h.Peers {
		h.runtime.Admit = h.Runs
	}
	if h.tracing, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return errors.Join(fmt.Errorf("open the address for traces: %w", err), h.runtime.Close())
	}
	server := &http.Server{Handler: h.runtimeAPI(), ConnContext: guard.ConnContext} //nolint:gosec // a call of next has no time limit
	go func() { _ = server.Serve(h.runtime) }()                                     // ends in Close
	go func() {
		for err, buffer := error(nil), make([]byte, 64<<10); err == nil; {
			_, _, err = h.tracing.ReadFrom(buffer)
		}
	}()
	return nil
}

// user is whom an environment of f runs as: nobody is root. With a volume it is
// its access point's user, so that files there have the owners that they have on
// AWS; else one that nobody else is. An ordinary user's functions are his own.
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

// Runs reports whether a function runs as that user, or as that of its access point
// wherever it runs, which may be in a container.
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

// stranger is an id that no access point has, apart from the ones that other hosts
// on this machine give. It is nil where nobody can change
// who he is.
func (h *Host) stranger() *sandbox.User {
	if !sandbox.OtherUsers() {
		return nil
	}
	id := sandbox.FirstUser() + 10_000 + (64*os.Getpid()+int(h.lives.Add(1)))%9_000
	return &sandbox.User{UID: id, GID: id, Alone: true}
}

// makeShared creates a folder that every function may write to. On AWS the
// access points give them their own user ids; here all are the user's own.
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
	_, _ = h.runtime.Close(), h.tracing.Close() // nobody is left to call
	for _, f := range h.functions {
		for _, home := range f.homes {
			_ = os.RemoveAll(home.folder)
		}
	}
}

// begin counts one more thing that Close must wait for. It is false when Close
// has begun.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.running.Add(1)
	return true
}

// find accepts a name or an ARN, with or without the only version there is.
func (h *Host) find(nameOrARN string) (*function, error) {
	name := strings.TrimSuffix(nameOrARN, ":"+latest)
	if _, after, isARN := strings.Cut(name, ":function:"); isARN {
		name = after
	}
	if f := h.functions[name]; f != nil {
		return f, nil
	}
	arn := fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", template.Partition, template.Region, template.Account, name)
	return nil, &Error{Code: "ResourceNotFoundException", Message: "Function not found: " + arn}
}

// latest is the only version there is.
const latest = "$LATEST"
