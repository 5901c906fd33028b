package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/lambda"
	cloudwatchlogs "github.com/lazaret/lazaret/local/logs"
	"github.com/lazaret/lazaret/local/s3"
	"github.com/lazaret/lazaret/local/sns"
	"github.com/lazaret/lazaret/local/sqs"
	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/store"
)

// services are the running parts of a stack. Those that call each other do so
// through the methods in wiring.go.
type services struct {
	sqs    *sqs.Service
	sns    *sns.Service
	events *events.Service
	s3     *s3.Service
	lambda *lambda.Host
	states *states.Service
}

// startServices starts what is called before what calls it, and the pollers
// last. They outlive Start's context: Close alone ends them, in reverse order.
func (s *Stack) startServices() error {
	allowed, err := principals(s.Application)
	if err != nil {
		return err
	}
	if err := s.startMessaging(); err != nil {
		return err
	}
	if err := s.startS3(allowed); err != nil {
		return err
	}
	if err := s.startLambda(); err != nil {
		return err
	}
	if err := s.startStates(); err != nil {
		return err
	}
	known := make(callers, len(allowed))
	for _, p := range allowed {
		known[p.AccessKey] = p.ARN
	}
	s.serve(s.withHealth(endpoint{
		"s3": s.services.s3.Handler(), "sqs": known.only(s.services.sqs), "sns": known.only(s.services.sns),
		"events": known.only(s.services.events), "states": known.only(s.services.states),
		"lambda": known.only(s.services.lambda.Handler()), "sts": known.only(sts(known)),
		"cloudformation": known.only(cloudFormation{s.Application, time.Now().UTC()}),
		"monitoring":     known.only(cloudWatch(s.Application.Alarms)),
		"logs":           known.only(cloudwatchlogs.Service{Stack: s.Application.Name, Dir: s.LogDir()}),
	}))
	s.poll()
	return nil
}

func (s *Stack) startMessaging() (err error) {
	app := s.Application
	if err := refuseOlder(s.DataDir); err != nil {
		return err
	}
	if s.store, err = store.Open(filepath.Join(s.DataDir, "store")); err != nil {
		return err
	}
	s.onClose(s.store.Close)
	if s.services.sqs, err = sqs.New(s.store, app.Queues); err != nil {
		return fmt.Errorf("open queues: %w", err)
	}
	if s.services.sns, err = sns.New(s.store, app.Topics, s.deliver); err != nil {
		return fmt.Errorf("open topics: %w", err)
	}
	if s.services.events, err = events.New(s.store, app.Rules, s.deliver); err != nil {
		return fmt.Errorf("open rules: %w", err)
	}
	return nil
}

func (s *Stack) startS3(allowed []s3.Principal) (err error) {
	ctx, stop := context.WithCancel(context.Background())
	s.services.s3, err = s3.Start(ctx, s3.Config{
		Buckets: s.Application.Buckets, Store: s.store, Principals: allowed, Others: stranger,
		Deliver: s.deliver, PutEvent: s.putS3Event,
	})
	if err != nil {
		stop()
		return err
	}
	ended := make(chan error, 1)
	go func() {
		err := s.services.s3.Wait()
		if ctx.Err() == nil {
			s.broken <- fmt.Errorf("serve S3: %w", errors.Join(err, errors.New("the gateway ended")))
		}
		ended <- err
	}()
	s.onClose(func() error {
		stop()
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Second):
			return nil // it ends with the process
		}
	})
	return nil
}

func (s *Stack) startLambda() (err error) {
	level, err := s.config.sandboxLevel()
	if err != nil {
		return err
	}
	if err := s.shareVolume(); err != nil {
		return err
	}
	output := &logs{dir: s.LogDir(), prefix: s.Application.Name + "-", also: s.config.Logs, files: map[string]*os.File{}}
	s.onClose(output.close)
	s.services.lambda, err = lambda.New(lambda.Config{
		Peers:     s.peers == nil,
		Functions: s.Application.Functions, Binary: s.binary, Volume: s.volume, Temp: s.tempDir(), Environment: s.environment,
		Queue: queues{s.services.sqs}, Logs: output.write, Ended: func(function string, result lambda.Result, err error) {
			output.report(function, result)
			s.watch.invoked(function, result, err)
		}, Freeze: s.config.Freeze,
		Sandbox: level,
	})
	if err != nil {
		return err
	}
	s.onClose(func() error { s.services.lambda.Close(); return nil })
	if why := s.services.lambda.Weakness(); why != nil && s.config.Sandbox == SandboxOn {
		return fmt.Errorf("confine functions as Lambda does: %w", why)
	}
	return nil
}

func (s *Stack) startStates() (err error) {
	s.services.states, err = states.New(context.Background(), states.Config{
		Machines: s.Application.Machines, Scale: s.config.Scale, Store: s.store,
		Invoke: s.invoke, SendMessage: s.sendMessage, StatusChanged: s.statusChanged,
	})
	if err != nil {
		return err
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.services.states.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil // what is left waits for functions, which are stopped next
	})
	return nil
}

// poll feeds the functions from their queues. Its batches are cut short when
// the functions are stopped, so closing does not wait for them here.
func (s *Stack) poll() {
	ctx, stop := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() {
		if err := s.services.lambda.Poll(ctx); err != nil {
			s.broken <- err
		}
	})
	s.onClose(func() error { stop(); return nil })
}

// refuseOlder keeps hands off a data folder that has no store and what earlier
// versions kept in its place.
func refuseOlder(dir string) error {
	for _, name := range []string{"s3", "queues.jsonl", "executions.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("open data folder %s: an earlier version of lazaret wrote it, in a form that this one cannot read; this sets it aside: mv %q %q",
				dir, dir, dir+".older")
		}
	}
	return nil
}
