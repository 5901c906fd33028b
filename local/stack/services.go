package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/datadir"
	"github.com/lazaret/lazaret/local/describe"
	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/logs"
	"github.com/lazaret/lazaret/local/metrics"
	"github.com/lazaret/lazaret/local/notice"
	"github.com/lazaret/lazaret/local/s3"
	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// services are the running parts of a stack.
type services struct {
	messaging
	callers   access.Callers
	buckets   *s3.Service
	functions *lambda.Host
	machines  *states.Service
	logs      logs.Service
	metrics   []*metrics.Log // in the logs of functions and EXPRESS machines
}

// startServices starts each service before those that call it. They run until Close, which ends them in reverse order.
func (s *Stack) startServices(config Config, data *datadir.Folder, watch *notice.Watch) (all services, err error) {
	app := s.Application
	if all.callers, err = access.NewCallers(app); err != nil {
		return all, err
	}
	kept, err := store.Open(data.Store())
	if err != nil {
		return all, err
	}
	s.onClose(kept.Close)
	if all.messaging, err = openMessaging(kept, app); err != nil {
		return all, err
	}
	if all.buckets, err = s.startS3(kept, all); err != nil {
		return all, err
	}
	if all.functions, s.Sandbox, err = s.startLambda(config, data, all, watch); err != nil {
		return all, err
	}
	*all.invoke = func(arn, event string) error { return all.functions.InvokeEvent(arn, []byte(event)) }
	var write func(group string, lines ...string) error
	if all.logs, write, err = s.openLogs(data.Logs()); err != nil {
		return all, err
	}
	all.metrics = metricLogs(app, data.Logs())
	all.machines, err = states.New(context.Background(), states.Config{
		Machines: app.Machines, Scale: config.Scale, Store: kept,
		Invoke: func(ctx context.Context, function string, payload []byte) (states.Invocation, error) {
			result, err := all.functions.Invoke(ctx, function, payload)
			return states.Invocation(result), err
		},
		InvokeEvent: func(tx *bbolt.Tx, function string, payload []byte) error {
			if err := all.functions.Accepts(function, payload); err != nil {
				return err
			}
			return all.deliver(tx, function, string(payload))
		},
		Objects:     func(role string) states.Objects { return newObjects(s.Endpoint, role) },
		SendMessage: all.queues.SendTx, StatusChanged: all.statusChanged(watch.StatusChanged),
		Log: write, ExpressEnded: watch.ExpressEnded,
	})
	if err != nil {
		return all, err
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := all.machines.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil // the rest waits for functions, which are stopped next
	})
	return all, nil
}

// openLogs returns the log groups of the functions and the Express machines, and what writes to those of the machines.
func (s *Stack) openLogs(dir string) (service logs.Service, write func(string, ...string) error, err error) {
	service.Groups = []logs.Group{logs.Functions(s.Application.Name, dir)}
	dir = machineLogs(dir)
	files := map[string]*logs.File{}
	for _, m := range s.Application.Machines {
		if m.LogGroup == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return service, nil, fmt.Errorf("keep the log of %s: %w", m.Name, err)
		}
		path := machineLog(s.Application, m, dir)
		files[m.LogGroup] = logs.NewFile(path)
		s.onClose(files[m.LogGroup].Close)
		service.Groups = append(service.Groups, logs.Machine(m.LogGroup, m.Name, path))
	}
	return service, func(group string, lines ...string) error { return files[group].Append(lines...) }, nil
}

// machineLogs returns the folder of the logs of EXPRESS machines, which are not among those of the functions.
func machineLogs(dir string) string { return filepath.Join(dir, "states") }

func machineLog(app *template.Application, m template.Machine, dir string) string {
	return filepath.Join(dir, strings.TrimPrefix(m.Name, app.Name+"-")+".log")
}

func (s *Stack) startS3(kept *store.Store, all services) (*s3.Service, error) {
	ctx, stop := context.WithCancel(context.Background())
	buckets, err := s3.Start(ctx, s3.Config{
		Buckets: s.Application.Buckets, Store: kept,
		Caller: func(key string) (secret, arn string, ok bool) {
			arn, ok = all.callers.ARN(key)
			return access.Secret, arn, ok
		},
		Deliver: all.deliver,
		PutEvent: func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error {
			return all.bus.PutTx(tx, events.Event{
				Source: source, DetailType: detailType, Detail: detail, Resources: resources,
			})
		},
	})
	if err != nil {
		stop()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := buckets.Wait()
		if ctx.Err() == nil {
			s.failed <- fmt.Errorf("serve S3: %w", errors.Join(err, errors.New("the gateway ended")))
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
	return buckets, nil
}

// poll gives functions the messages of their queues, and runs their schedules. Close does not wait for its end: closing
// the functions cuts their batches short.
func (s *Stack) poll(functions *lambda.Host, runs []run) {
	ctx, stop := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() {
		if err := functions.Poll(ctx); err != nil {
			s.failed <- err
		}
	})
	for _, r := range runs {
		polling.Go(func() { functions.Every(ctx, r.every, r.function, r.schedule) })
	}
	s.onClose(func() error { stop(); return nil })
}

// router returns the handler of all services. S3 verifies signatures itself.
func (all services) router(app *template.Application) http.Handler {
	signed := all.callers.Signed
	return access.Router{
		"s3":             all.buckets.Handler(),
		"sqs":            signed(all.queues),
		"sns":            signed(all.topics),
		"events":         signed(all.bus),
		"states":         signed(all.machines),
		"lambda":         signed(all.functions.Handler()),
		"logs":           signed(all.logs),
		"sts":            signed(describe.Caller(all.callers)),
		"cloudformation": signed(describe.Stack{Application: app, Created: time.Now().UTC()}),
		"monitoring": signed(describe.Monitoring{
			Alarms: app.Alarms, Oldest: all.queues.Oldest, Values: all.metricValues,
		}),
	}
}
