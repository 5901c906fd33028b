package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/plan"
)

const ms = time.Millisecond

// at returns a time so many milliseconds after the beginning.
func at(after int) time.Time { return time.Unix(0, 0).Add(time.Duration(after) * ms) }

// TestMeasure takes the steps of the second and third object from logs.
func TestMeasure(t *testing.T) {
	t.Parallel()
	done := invocations{
		"fetch": {{Time: at(20), MS: 10}, {Time: at(80), MS: 20}, {Time: at(150), MS: 10}},
		"scan":  {{Time: at(30), MS: 5}, {Time: at(90), MS: 5}, {Time: at(165), MS: 15}},
		"tag":   {{Time: at(40), MS: 5}, {Time: at(100), MS: 10}, {Time: at(180), MS: 10}},
	}
	var got steps
	if err := got.measure(done, 3); err != nil {
		t.Fatal(err)
	}
	want := []object{
		{before: [3]time.Duration{20 * ms, 5 * ms, 0}, took: [3]time.Duration{20 * ms, 5 * ms, 10 * ms}},
		{before: [3]time.Duration{40 * ms, 0, 5 * ms}, took: [3]time.Duration{10 * ms, 15 * ms, 10 * ms}},
	}
	if diff := cmp.Diff(want, got.measured, cmp.AllowUnexported(object{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got.cycle() != 70*ms {
		t.Errorf("cycle %v, want the mean of 60 and 80 ms", got.cycle())
	}
	if err := got.measure(done, 4); err == nil {
		t.Error("measure() of three objects instead of four has no error")
	}
}

// TestPredict predicts drains that can be added up by hand. An object waits for 60 ms before it is fetched, and 20 ms
// in each function; half of its time it needs a processor.
func TestPredict(t *testing.T) {
	t.Parallel()
	one := object{before: [3]time.Duration{60 * ms, 0, 0}, took: [3]time.Duration{20 * ms, 20 * ms, 20 * ms}}
	s := steps{measured: []object{one}, processor: 60 * ms, turn: 180 * ms}
	for _, tt := range []struct {
		name       string
		workflow   plan.Workflow
		permits    int
		processors float64
		want       time.Duration
	}{
		{"one after the other", plan.Standard, 1, 2, 10*120*ms - 60*ms},
		{"two at a time, each on a processor", plan.Standard, 2, 2, 5*120*ms - 60*ms},
		{"two at a time on one processor", plan.Standard, 2, 1, 5*(60+120)*ms - 60*ms},
		// Of two invocations one waits for the permit.
		{"one permit", plan.Express, 1, 2, 10*120*ms - 60*ms},
		{"two permits: dispatch takes 180 ms for each", plan.Express, 2, 2, 5*180*ms - 60*ms - 60*ms},
	} {
		got, err := s.predict(tt.workflow, 10, tt.permits, tt.processors)
		if err != nil || (got-tt.want).Abs() > ms {
			t.Errorf("%s: predict() = %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// TestTurn adds up the requests of dispatch for two objects, while a third waits.
func TestTurn(t *testing.T) {
	t.Parallel()
	p := slowRequests{dispatch: []dispatchRequest{
		{"ChangeMessageVisibility 60", at(0), at(20)},
		{"ReceiveMessage", at(0), at(20)},
		{"StartSyncExecution", at(20), at(120)},
		{"ChangeMessageVisibility 60", at(1), at(21)},
		{"ReceiveMessage", at(1), at(140)},
		{"ChangeMessageVisibility 0", at(120), at(140)},
		{"ChangeMessageVisibility 60", at(145), at(165)},
		{"StartSyncExecution", at(140), at(250)},
		{"ChangeMessageVisibility 0", at(250), at(270)},
	}}
	// 20 ms for the permit, 120 with it, 5 to the next message. Nothing follows the second one.
	if got, err := p.turn(); err != nil || got != 145*ms {
		t.Errorf("turn() = %v, %v, want 145 ms", got, err)
	}
	p.forget()
	if got, err := p.turn(); err == nil {
		t.Errorf("turn() without requests = %v, want an error", got)
	}
}
