package statemachine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// executionTimeout is the time after which an execution of one Choice has failed, on a busy machine too.
const executionTimeout = time.Minute

// TestMovesIsWhatTheMachineDoes: job.Moves agrees with the states Route and Vanished about which objects are moved. The
// functions use it to count each object once in the metric Gone. Without a verdict, Vanished leads to Quarantine, which
// looks for the copy of an execution that died.
func TestMovesIsWhatTheMachineDoes(t *testing.T) {
	t.Parallel()
	scans := []*job.Scan{
		nil,
		{Verdict: job.Clean},
		{Verdict: job.Infected, Signature: "S"},
		{Verdict: job.Unscannable, Reason: job.Encrypted},
		{Verdict: "OTHER"},
	}
	for _, name := range []string{"Route", "Vanished"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := decide(t, name)
			moved := 0
			for _, scan := range scans {
				for policies := range 8 {
					for _, size := range []int64{0, 5 << 30, 5<<30 + 1} {
						j := job.Job{
							Version: job.Version, Scan: scan, Object: job.Object{Bucket: "b", Key: "k", VersionID: "v", Size: size},
							Policy: job.Policy{
								PromoteClean: policies&1 != 0, QuarantineUnscannable: policies&2 != 0, AnnounceClean: policies&4 != 0,
							},
						}
						state := next(j)
						moves := state == "Quarantine" || state == "Promote"
						if moves {
							moved++
						}
						if got := j.Moves() || scan == nil && name == "Vanished"; got != moves {
							t.Errorf("%s of %d bytes, policy %+v: got Moves %t, want %t, because %s leads to %s",
								scan.Outcome(), size, j.Policy, got, moves, name, state)
						}
					}
				}
			}
			if moved == 0 {
				t.Errorf("got no job that %s leads to Quarantine or Promote, want some", name)
			}
		})
	}
}

// decide returns a function that runs one Choice of the machine and returns the state to which it leads.
func decide(t *testing.T, choice string) (next func(job.Job) string) {
	t.Helper()
	text, m := readMachine(t)
	var written struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(text), &written); err != nil {
		t.Fatal(err)
	}
	cut := map[string]any{choice: written.States[choice]}
	for _, name := range m.States[choice].next() {
		if name != "" {
			cut[name] = map[string]any{"Type": "Pass", "Result": name, "End": true}
		}
	}
	definition, err := json.Marshal(map[string]any{"StartAt": choice, "States": cut})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const machineARN = "arn:aws:states:us-east-1:000000000000:stateMachine:choice"
	ended := make(chan json.RawMessage, 1)
	service, err := states.New(t.Context(), states.Config{
		Machines: []template.Machine{{Name: "choice", ARN: machineARN, Definition: definition}}, Store: kept,
		StatusChanged: func(_ *bbolt.Tx, detail json.RawMessage) error {
			if !strings.Contains(string(detail), `"RUNNING"`) {
				ended <- detail
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	runs := 0
	return func(j job.Job) string {
		t.Helper()
		runs++
		input, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]string{
			"stateMachineArn": machineARN, "name": fmt.Sprint("run-", runs),
			"input": string(input),
		})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
		request.Header.Set("X-Amz-Target", "AWSStepFunctions.StartExecution")
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, request)
		if answer.Code != http.StatusOK {
			t.Fatalf("start an execution: HTTP %d: %s", answer.Code, answer.Body)
		}
		select {
		case detail := <-ended:
			var end struct{ Status, Output string }
			if err := json.Unmarshal(detail, &end); err != nil || end.Status != "SUCCEEDED" {
				t.Fatalf("%s with input %s: got %s (%v), want SUCCEEDED", choice, input, detail, err)
			}
			return strings.Trim(end.Output, `"`)
		case <-time.After(executionTimeout):
			t.Fatalf("%s with input %s: got no end after %v", choice, input, executionTimeout)
			return ""
		}
	}
}
