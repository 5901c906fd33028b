package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// crashDir tells the test's own program to be the process that is killed, in
// that folder; crashFull to have a full disk for a while as well.
const crashDir, crashFull = "LAZARET_CRASH_DIR", "LAZARET_CRASH_FULL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := work(dir, os.Getenv(crashFull) != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	arnPrefix  = "arn:aws:sqs:us-east-1:000000000000:"
	inMachine  = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
	definition = `{"StartAt":"Invoke","States":{
		"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
			"Parameters":{"FunctionName":"f","Payload.$":"$"},"OutputPath":"$.Payload","Next":"Send"},
		"Send":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage",
			"Parameters":{"QueueUrl":"` + arnPrefix + `out","MessageBody.$":"$.body"},"Next":"Done"},
		"Done":{"Type":"Succeed"}}}`
)

// pipeline is a stack without S3 and functions: each message of the queue in starts an execution of its name, which
// sends the body to the queue out. The end of the execution is announced to the queue told.
type pipeline struct {
	messaging
	kept     *store.Store
	machines *states.Service
}

func openPipeline(dir string) (p pipeline, err error) {
	if p.kept, err = store.Open(dir); err != nil {
		return p, err
	}
	app := &template.Application{Rules: []template.Rule{{
		Name: "ended", Pattern: json.RawMessage(`{"detail":{"status":["SUCCEEDED"]}}`),
		Targets: []template.Target{{ARN: arnPrefix + "told"}},
	}}}
	for _, name := range []string{"in", "out", "told", "spent"} {
		queue := template.Queue{Name: name, ARN: arnPrefix + name, VisibilityTimeout: time.Minute}
		app.Queues = append(app.Queues, queue)
	}
	app.Queues[0].DeadLetterARN, app.Queues[0].MaxReceiveCount = arnPrefix+"spent", 1000
	if p.messaging, err = openMessaging(p.kept, app); err != nil {
		return p, err
	}
	p.machines, err = states.New(context.Background(), states.Config{
		Machines: []template.Machine{{Name: "m", ARN: inMachine, Definition: []byte(definition)}}, Store: p.kept,
		Invoke: func(_ context.Context, _ string, payload []byte) (states.Invocation, error) {
			time.Sleep(time.Millisecond)
			return states.Invocation{Payload: payload}, nil
		},
		SendMessage: p.queues.SendTx, StatusChanged: p.statusChanged(func(json.RawMessage) {}),
	})
	return p, err
}

func (p pipeline) close() error {
	return errors.Join(p.machines.Close(context.Background()), p.kept.Close())
}

// dispatch starts the executions of a batch of messages and deletes them.
func (p pipeline) dispatch(ctx context.Context) error {
	batch, err := p.queues.Receive(ctx, "in", 10, time.Second)
	if err != nil {
		return err
	}
	for _, m := range batch {
		answer := p.api(
			"StartExecution",
			map[string]string{"stateMachineArn": inMachine, "name": m.Body, "input": `{"body":"` + m.Body + `"}`},
		)
		if answer.Code != http.StatusOK && !strings.Contains(answer.Body.String(), "ExecutionAlreadyExists") {
			return errors.Join(errors.New(answer.Body.String()), p.queues.Release("in", m.ReceiptHandle))
		}
		if err := p.queues.Delete("in", m.ReceiptHandle); err != nil {
			return err
		}
	}
	return nil
}

func (p pipeline) api(operation string, in any) *httptest.ResponseRecorder {
	body, _ := json.Marshal(in)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
	w := httptest.NewRecorder()
	p.machines.ServeHTTP(w, r)
	return w
}

// work sends, dispatches and prints the body of each message that was taken, until
// it is killed or, with a disk that fills up, for as long as that takes.
func work(dir string, full bool) error {
	p, err := openPipeline(dir)
	if err != nil {
		return err
	}
	var taken, refused atomic.Int64
	var stop atomic.Bool
	var working sync.WaitGroup
	for worker := range 4 {
		working.Go(func() {
			for i := 0; !stop.Load(); i++ {
				body := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				if err := p.kept.Update(func(tx *bbolt.Tx) error {
					return p.deliver(tx, arnPrefix+"in", body)
				}); err != nil {
					refused.Add(1)
					time.Sleep(time.Millisecond)
					fmt.Println("refused", body)
					continue
				}
				taken.Add(1)
				fmt.Println("sent", body)
				time.Sleep(time.Millisecond)
			}
		})
		working.Go(func() {
			for !stop.Load() {
				if err := p.dispatch(context.Background()); err != nil && !full {
					panic(err)
				}
			}
		})
	}
	if !full {
		select {} // until it is killed
	}
	some := func(n *atomic.Int64) error {
		for want, end := n.Load()+100, time.Now().Add(time.Minute); n.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("in a minute %d were taken and %d refused", taken.Load(), refused.Load())
			}
		}
		return nil
	}
	var limit syscall.Rlimit
	if err := errors.Join(some(&taken), syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)); err != nil {
		return err
	}
	small := limit
	small.Cur = 64 << 10 // of a file that is larger already
	if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small), some(&refused)); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit), some(&taken)); err != nil {
		return err
	}
	stop.Store(true)
	working.Wait()
	return p.close()
}

// A process that is killed again and again, or has a full disk, loses no message,
// invents none, and does nothing twice that is one transaction.
func TestCrash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		full bool
		runs int
	}{"killed": {false, 6}, "full disk": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sent, refused := map[string]bool{}, map[string]bool{}
			for run := range test.runs {
				child := exec.Command(os.Args[0])
				child.Env = append(os.Environ(), crashDir+"="+dir)
				if test.full {
					child.Env = append(child.Env, crashFull+"=yes")
				}
				child.Stderr = os.Stderr
				out, err := child.StdoutPipe()
				if err == nil {
					err = child.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewScanner(out)
				for n := 0; lines.Scan(); n++ {
					what, body, _ := strings.Cut(lines.Text(), " ")
					map[string]map[string]bool{"sent": sent, "refused": refused}[what][body] = true
					if !test.full && n == 100+37*run { // somewhere in its work
						_ = child.Process.Kill()
					}
				}
				if err := child.Wait(); test.full && err != nil {
					t.Fatal(err)
				}
			}
			account(t, dir, sent, refused)
		})
	}
}

// account finishes the work and compares what came of it with what was taken. A
// message that was stored before its process could say so may be there as well.
func account(t *testing.T, dir string, sent, refused map[string]bool) {
	t.Helper()
	p, err := openPipeline(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(time.Minute); ; {
		if err := p.dispatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		idle := p.api("ListExecutions", map[string]string{"stateMachineArn": inMachine, "statusFilter": "RUNNING"})
		got, err := p.queues.Receive(t.Context(), "in", 1, 0)
		if err != nil || time.Now().After(end) {
			t.Fatal("the work does not end", err)
		}
		for _, m := range got {
			if err := p.queues.Release("in", m.ReceiptHandle); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) == 0 && strings.Contains(idle.Body.String(), `"executions":[]`) {
			break
		}
	}
	out, told := map[string]int{}, map[string]int{}
	drain(t, p, "out", func(body string) { out[body]++ })
	drain(t, p, "told", func(body string) {
		var e struct{ Detail struct{ Name string } }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		told[e.Detail.Name]++
	})
	drain(t, p, "spent", func(body string) { t.Errorf("%s was given up", body) })
	for body := range sent {
		if out[body] != 1 || told[body] != 1 {
			t.Errorf(
				"%s was taken: %d messages and %d events came of it, want one of each",
				body,
				out[body],
				told[body],
			)
		}
	}
	for body, n := range out {
		if refused[body] || n != 1 || told[body] != 1 {
			t.Errorf("%s came out %d times with %d events, refused: %t", body, n, told[body], refused[body])
		}
	}
	if unsaid := len(out) - len(sent); len(sent) < 100 || unsaid < 0 || unsaid > 24 { // 4 senders in 6 processes
		t.Errorf("%d messages were taken, %d came out", len(sent), len(out))
	}
	if err := p.kept.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("check store: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages were taken, %d refused", len(sent), len(refused))
}

func drain(t *testing.T, p pipeline, queue string, see func(body string)) {
	t.Helper()
	for {
		got, err := p.queues.Receive(t.Context(), queue, 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return
		}
		for _, m := range got {
			see(m.Body)
			if err := p.queues.Delete(queue, m.ReceiptHandle); err != nil {
				t.Fatal(err)
			}
		}
	}
}
