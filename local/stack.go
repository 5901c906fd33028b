// Package local runs the application of template.yaml on one machine: it starts
// the packages below it, one for each AWS service, gives each its part of the
// template, connects them, and serves all of them at one endpoint on loopback.
// The subcommands of lazaret and the whole-machine tests call it; nothing that is
// deployed imports it. One stack at a time may run in a process, see s3.Start.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/guard"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Config says which application to run and how.
type Config struct {
	Template   string            // path of template.yaml; paths inside it are relative to its folder
	StackName  string            // "lazaret" when empty
	Parameters map[string]string // overrides of the template's defaults

	Port    int    // 0 takes a free one
	DataDir string // objects, definitions, work files, logs; empty for a temporary folder that Close removes
	BinDir  string // holds <function>/bootstrap; "build" beside the template when empty

	// AllowHosts are more names, with or without a port, by which clients may call the
	// endpoint. Requests to names that are not this machine's are refused otherwise.
	AllowHosts []string

	// AllowUsers are names or ids of more users of this machine who may call the
	// endpoint, beside root, this process's own and those of functions.
	AllowUsers []string

	// FunctionsEndpoint is where functions call AWS, the stack's own endpoint when
	// empty: the place for a proxy that watches or disturbs them.
	FunctionsEndpoint string

	// Definitions is what is published before anything runs: TestDefinitions,
	// NoDefinitions, or a folder of ClamAV databases. Empty is TestDefinitions.
	// OfficialDefinitions contacts ClamAV's mirror.
	Definitions string
	// Mirror is the URL of a ClamAV mirror that takes the place of Definitions.
	Mirror string

	// Sandbox is SandboxAuto (also when empty), SandboxOn or SandboxOff.
	Sandbox string

	Scale  float64 // divides the intervals of Wait and Retry; 1 when zero
	Freeze bool    // stop environments between invocations, as Lambda does
	// Notices hears what happens, one call at a time; may be nil.
	Notices func(Notice)
	Logs    io.Writer // also receives what functions log, beside the files; may be nil
}

// Stack is a running application.
type Stack struct {
	Application *template.Application
	Endpoint    string // "http://127.0.0.1:4566"
	DataDir     string // absolute

	// Definitions is the generation that scans use; zero when there is none.
	Definitions definitions.Generation

	config   Config
	volume   string
	listener *net.TCPListener
	allowed  []uint32 // Config.AllowUsers
	peers    error    // why users are not told apart; nil when they are
	store    *store.Store
	services services
	watch    *watch
	broken   chan error // receives why a service ended by itself

	closing []func() error // in the order of starting
	once    sync.Once
	closed  error
}

// Start checks everything that the application needs, starts it, and returns
// when it takes requests. The error names the one thing that is missing.
func Start(ctx context.Context, config Config) (*Stack, error) {
	s := &Stack{config: config, broken: make(chan error, 3)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.absolutePaths(); err != nil {
		return err
	}
	app, err := template.Load(s.config.Template, template.Options{
		StackName: s.config.StackName, Parameters: s.config.Parameters,
		Defaults: map[string]string{"VerifierArns": userARN}, // whoever is at the keyboard may run lazaret verify
	})
	if err != nil {
		return err
	}
	if s.allowed, err = findUsers(s.config.AllowUsers); err != nil {
		return err
	}
	s.peers = guard.CheckPeers()
	moveUsers(app)
	s.Application = app
	tell := s.config.Notices
	if tell != nil {
		notices := newReader(tell)
		s.onClose(notices.close) // last, when nothing happens any more
		tell = notices.put
	}
	s.watch = newWatch(app, tell)
	if err := s.check(); err != nil {
		return err
	}
	if s.listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.config.Port}); err != nil {
		return fmt.Errorf("take port %d for the endpoint: %w", s.config.Port, err)
	}
	s.onClose(closeListener(s.listener))
	s.Endpoint = "http://" + s.listener.Addr().String()
	if err := s.openData(); err != nil {
		return err
	}
	if s.Definitions, err = s.publishDefinitions(ctx); err != nil {
		return err
	}
	if err := s.startServices(); err != nil {
		return err
	}
	if s.config.fromMirror() {
		s.Definitions, err = s.updateDefinitions(ctx)
	}
	return err
}

// absolutePaths makes paths good for functions, which run in folders of their own.
func (s *Stack) absolutePaths() (err error) {
	c := &s.config
	paths := []*string{&c.Template}
	if c.DataDir != "" {
		paths = append(paths, &c.DataDir)
	}
	c.BinDir = cmp.Or(c.BinDir, filepath.Join(filepath.Dir(c.Template), "build"))
	paths = append(paths, &c.BinDir)
	c.Definitions = cmp.Or(c.Definitions, TestDefinitions)
	if c.Definitions != TestDefinitions && c.Definitions != NoDefinitions && c.Definitions != OfficialDefinitions {
		paths = append(paths, &c.Definitions)
	}
	for _, p := range paths {
		if *p, err = filepath.Abs(*p); err != nil {
			return fmt.Errorf("find %s: %w", *p, err)
		}
	}
	return nil
}

// serve answers at the endpoint until Close.
func (s *Stack) serve(handler http.Handler) {
	gate := guard.Gate{
		Port: strconv.Itoa(s.listener.Addr().(*net.TCPAddr).Port), Hosts: s.config.AllowHosts,
		Shared: func(r *http.Request) bool { return serviceOf(r) == "s3" && s.services.s3.Shares(r) },
		Refuse: func(w http.ResponseWriter, r *http.Request, why string) {
			refuse(w, r, refusal{http.StatusForbidden, "AccessDenied", "", why})
		},
	}
	if u, err := url.Parse(s.config.FunctionsEndpoint); err == nil && u.Host != "" {
		gate.Hosts = append(slices.Clone(gate.Hosts), u.Host) // a proxy passes requests on as they came to it
	}
	// Uploads and long polls take as long as they take: pauses have limits.
	peers := &guard.Peers{TCPListener: s.listener, Why: notAllowed}
	if s.peers == nil {
		peers.Admit = s.admits
	}
	server := &http.Server{
		Handler: gate.Handler(handler), DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(&guard.Listener{Peers: peers}); !errors.Is(err, http.ErrServerClosed) {
			s.broken <- fmt.Errorf("serve %s: %w", s.Endpoint, err)
		}
	}()
	s.onClose(server.Close)
}

// Wait returns nil when ctx ends, and an error when a service ends before.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	}
}

// Close stops everything and every process that was started, within 5 seconds,
// and removes a temporary data folder. In a data folder of the user's, messages
// and executions under way are kept for the next stack.
func (s *Stack) Close() error {
	s.once.Do(func() {
		for _, closing := range slices.Backward(s.closing) {
			s.closed = errors.Join(s.closed, closing())
		}
	})
	return s.closed
}

func (s *Stack) onClose(f func() error) { s.closing = append(s.closing, f) }

// closeListener is for a stack that never served: a server closes its own.
func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
