// Package stack runs the application of template.yaml on one machine. It starts the packages beside it, one for each
// AWS service, gives each its part of the template, connects them, and serves all of them at one endpoint on loopback.
// The command lazaret calls it; nothing that is deployed imports it. One stack at a time may run in a process, see
// s3.Start.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/datadir"
	"github.com/lazaret/lazaret/local/notice"
	"github.com/lazaret/lazaret/local/provision"
	"github.com/lazaret/lazaret/local/template"
	"github.com/lazaret/lazaret/local/volume"
)

// Stack is a running application.
type Stack struct {
	Application *template.Application
	Endpoint    string                 // "http://127.0.0.1:4566"
	DataDir     string                 // absolute
	Definitions definitions.Generation // that scans use; zero when there is none
	Sandbox     string                 // one line: how functions are confined, and why no further
	AnyUser     error                  // why every user of this machine may call the endpoint; nil when not all may

	failed  chan error // receives why a service ended
	closing []func() error
	once    sync.Once
	closed  error
}

// Start checks that all is there that the application needs, starts it, and returns when the endpoint takes requests.
func Start(ctx context.Context, config Config) (*Stack, error) {
	s := &Stack{failed: make(chan error, 3)}
	if err := s.start(ctx, config); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, config Config) error {
	config, err := config.absolute()
	if err != nil {
		return err
	}
	app, err := template.Load(config.Template, template.Options{
		StackName: config.StackName, Parameters: config.Parameters,
		// The person at the keyboard may run lazaret verify, and finds no objects but those uploaded.
		Defaults: map[string]string{"VerifierArns": access.UserARN, "CanarySchedule": "off"},
	})
	if err != nil {
		return err
	}
	volume.MoveUsers(app.Functions)
	source := config.source()
	if err := config.programs().check(app.Functions); err != nil {
		return err
	}
	if err := source.Check(app.Functions); err != nil {
		return err
	}
	runs, err := scheduled(app.Functions)
	if err != nil {
		return err
	}
	gate, err := newGate(config)
	if err != nil {
		return err
	}
	watch := notice.NewWatch(app.Name, s.queueNotices(config.Notices))
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: config.Port})
	if err != nil {
		return fmt.Errorf("take port %d for the endpoint: %w", config.Port, err)
	}
	s.onClose(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) { // a server closes its own
			return err
		}
		return nil
	})
	data, err := datadir.Open(config.DataDir)
	if err != nil {
		return err
	}
	s.onClose(data.Close)
	s.Application, s.AnyUser = app, gate.anyUser
	s.Endpoint, s.DataDir = "http://"+listener.Addr().String(), data.Path
	if s.Definitions, err = source.Publish(ctx, app.Functions, data.Volume(), data.Temp()); err != nil {
		return err
	}
	services, err := s.startServices(config, data, watch)
	if err != nil {
		return err
	}
	s.serve(listener, gate, services, watch)
	s.poll(services.functions, runs)
	if source.FromMirror() {
		s.Definitions, err = provision.Update(ctx, services.functions, app.Functions, data.Volume())
	}
	return err
}

// queueNotices returns a function that passes notices to read without waiting for it.
func (s *Stack) queueNotices(read func(notice.Notice)) func(notice.Notice) {
	if read == nil {
		return nil
	}
	queue := notice.NewQueue(read)
	s.onClose(queue.Close) // as the last one, when no more notices come
	return queue.Put
}

// Wait returns nil when ctx ends, and an error when a service ends before that.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Close stops everything and every process that was started, within 5 seconds, and removes a temporary data folder. Any
// other data folder keeps messages and running executions for the next stack.
func (s *Stack) Close() error {
	s.once.Do(func() {
		for _, closing := range slices.Backward(s.closing) {
			s.closed = errors.Join(s.closed, closing())
		}
	})
	return s.closed
}

// onClose adds what Close does. The last addition is done first.
func (s *Stack) onClose(f func() error) { s.closing = append(s.closing, f) }
