// Package filled makes a data folder of the local stack with thousands of executions that have ended in every way, for
// tests of what shows them. The interpreter of the local stack runs the real state machine on the store of the folder;
// only the functions are others, which answer at once and write the log lines that the real ones write. Time runs
// faster: the executions are those of the last hours.
package filled

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/datadir"
	"github.com/lazaret/lazaret/local/metrics"
	"github.com/lazaret/lazaret/local/sqs"
	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const (
	stackName = "lazaret"
	atOnce    = 16
)

// Filling says what a folder gets.
type Filling struct {
	Executions int
	Spread     time.Duration // the oldest one started so long ago; 20 hours by default
	Express    bool          // every second small object takes the EXPRESS lane; the stack is to have Workflow=EXPRESS
}

// filler fills one folder.
type filler struct {
	Filling
	application *template.Application
	client      *sfn.Client // of the stack's machines
	shortClient *sfn.Client // of machines that time out after a second
	logs        *logFiles

	mu      sync.Mutex
	clocks  map[string]*clock        // by the execution's name
	ended   map[string]chan struct{} // as well
	hanging chan string              // name of an execution whose function does not answer
}

// Fill fills the data folder, which no stack may use at that time.
func Fill(t testing.TB, data string, filling Filling) {
	t.Helper()
	need.OwnMachine(t)
	if err := filling.fill(need.Programs(t), data); err != nil {
		t.Fatalf("fill %s: %v", data, err)
	}
}

func (f Filling) fill(root, data string) error {
	if f.Spread == 0 {
		f.Spread = 20 * time.Hour
	}
	workflow := "STANDARD"
	if f.Express {
		workflow = "EXPRESS"
	}
	app, err := template.Load(filepath.Join(root, "template.yaml"), template.Options{
		StackName: stackName, Parameters: map[string]string{"Workflow": workflow},
	})
	if err != nil {
		return err
	}
	folder, err := datadir.Open(data)
	if err != nil {
		return err
	}
	defer folder.Close()
	kept, err := store.Open(folder.Store())
	if err != nil {
		return err
	}
	defer kept.Close()
	queues, err := sqs.New(kept, app.Queues)
	if err != nil {
		return err
	}
	if err := f.countSent(kept); err != nil {
		return err
	}
	r := &filler{
		Filling: f, application: app, logs: newLogFiles(folder.Logs()), ended: map[string]chan struct{}{},
		clocks: map[string]*clock{}, hanging: make(chan string, atOnce),
	}
	short := make([]template.Machine, len(app.Machines))
	for i, m := range app.Machines {
		m.Definition = machineTimeout.ReplaceAll(m.Definition, []byte(`${1}1`))
		short[i] = m
	}
	// Both run on one store, which is empty when they start.
	var end, endShort func()
	if r.client, end, err = r.start(kept, queues, app.Machines); err != nil {
		return err
	}
	defer end()
	if r.shortClient, endShort, err = r.start(kept, queues, short); err != nil {
		return err
	}
	defer endShort()
	return errors.Join(r.run(), r.logs.close())
}

// countSent has the queue of uploads count a message for each execution. It writes what package sqs does.
func (f Filling) countSent(kept *store.Store) error {
	counts := map[uint64]uint64{} // by the minute
	for i := range f.Executions {
		at := time.Now().Add(-f.Spread + time.Duration(i+1)*f.Spread/time.Duration(f.Executions+1))
		counts[uint64(metrics.Minute(at))]++
	}
	return kept.Update(func(tx *bbolt.Tx) error {
		sent := tx.Bucket([]byte("sqs/queues")).Bucket([]byte(stackName + "-uploads")).Bucket([]byte("sent"))
		for minute, n := range counts {
			key, value := binary.BigEndian.AppendUint64(nil, minute), binary.BigEndian.AppendUint64(nil, n)
			if err := sent.Put(key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// machineTimeout is the timeout of a state machine, before its states.
var machineTimeout = regexp.MustCompile(`(?s)\A([^\[]*?"TimeoutSeconds": *)\d+`)

// start starts a service of Step Functions, which lasts until end is called.
func (f *filler) start(kept *store.Store, queues *sqs.Service, machines []template.Machine) (
	client *sfn.Client, end func(), err error,
) {
	service, err := states.New(context.Background(), states.Config{
		Machines: machines, Store: kept, Scale: 1e9, Invoke: f.invoke, Log: f.logs.append,
		Now:         func(name string) time.Time { return f.clock(name).now() },
		SendMessage: queues.SendTx,
		StatusChanged: func(tx *bbolt.Tx, detail json.RawMessage) error {
			tx.OnCommit(func() { f.changed(detail) })
			return nil
		},
		ExpressEnded: f.changed,
	})
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(service)
	client = sfn.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	return client, func() {
		server.Close()
		_ = service.Close(context.Background()) // everything has ended, or run has an error
	}, nil
}

// run runs all executions.
func (f *filler) run() error {
	places := make(chan struct{}, atOnce)
	failures := make(chan error, f.Executions)
	step := f.Spread / time.Duration(f.Executions+1)
	begin := time.Now().Add(-f.Spread)
	var all sync.WaitGroup
	for i := range f.Executions { // one after the other, so that they are in the order of their starts
		places <- struct{}{}
		end, err := f.begin(i, outcomeOf(i), begin.Add(time.Duration(i+1)*step))
		if err != nil {
			failures <- err
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			if err := end(); err != nil {
				failures <- err
			}
		})
	}
	all.Wait()
	close(failures)
	return <-failures // nil if there is none
}

// begin starts one execution, and returns what waits for its end.
func (f *filler) begin(i int, o outcome, at time.Time) (end func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	j := o.job(i)
	name := j.ExecutionName()
	ended := make(chan struct{})
	f.mu.Lock()
	f.ended[name], f.clocks[name] = ended, &clock{at: at}
	f.mu.Unlock()
	machine := f.machine(f.Express && i%2 == 0)
	if machine.Express {
		j.Lane = job.NewLane()
	}
	input, err := json.Marshal(j)
	if err != nil {
		cancel()
		return nil, err
	}
	client := f.client
	if o.status == "TIMED_OUT" {
		client = f.shortClient
	}
	out, err := client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &machine.ARN, Name: &name, Input: aws.String(string(input)),
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start execution %s: %w", name, err)
	}
	if !machine.Express {
		f.logs.dispatched(f.clock(name).now(), j, "")
	}
	return func() (err error) {
		defer cancel()
		if o.status == "ABORTED" && !machine.Express {
			select {
			case <-f.hanging:
			case <-ctx.Done():
			}
			_, err = f.client.StopExecution(ctx, &sfn.StopExecutionInput{
				ExecutionArn: out.ExecutionArn, Error: aws.String("Stopped"), Cause: aws.String("an operator stopped it"),
			})
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("execution %s has not ended: %w", name, ctx.Err())
		}
		if machine.Express {
			f.logs.dispatched(f.clock(name).now(), j, "SUCCEEDED")
		}
		return err
	}, nil
}

// machine returns the state machine of scans, of one lane.
func (f *filler) machine(express bool) template.Machine {
	for _, m := range f.application.Machines {
		if m.Express == express && strings.Contains(m.Name, "-scan") {
			return m
		}
	}
	return template.Machine{}
}

// changed is told of each new status.
func (f *filler) changed(detail json.RawMessage) {
	var d struct{ Name, Status string }
	if json.Unmarshal(detail, &d) != nil || d.Status == "RUNNING" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ended := f.ended[d.Name]; ended != nil {
		close(ended)
		delete(f.ended, d.Name)
	}
}

func (f *filler) clock(name string) *clock {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clocks[name]
}

// clock is the time of one execution, which goes on with each look at it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { return c.wait(2 * time.Millisecond) }

// wait goes on for a time.
func (c *clock) wait(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}
