package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const (
	dead   = "arn:aws:sqs:us-east-1:000000000000:lazaret-dead-letters"
	mine   = "arn:aws:sqs:us-east-1:000000000000:mine"
	broken = "arn:aws:sqs:us-east-1:000000000000:broken"
)

// inbox is what was delivered, by target.
type inbox map[string][]string

func (b inbox) deliver(_ *bbolt.Tx, targetARN, body string) error {
	if targetARN == broken {
		return errors.New("no such queue")
	}
	b[targetARN] = append(b[targetARN], body)
	return nil
}

// stored is a service with its store.
type stored struct {
	*events.Service
	kept *store.Store
}

func (b stored) put(t *testing.T, e events.Event) {
	t.Helper()
	if err := b.kept.Update(func(tx *bbolt.Tx) error { return b.PutTx(tx, e) }); err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	kept, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	return kept
}

func start(t *testing.T, rules ...template.Rule) (stored, *api.Client, inbox) {
	t.Helper()
	got, kept := make(inbox), newStore(t)
	s, err := events.New(kept, rules, got.deliver)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return stored{s, kept}, api.New(api.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1,
	}), got
}

// died is a rule of the kind that the application has.
func died() template.Rule {
	return template.Rule{
		Name: "died", Pattern: json.RawMessage(`{"source":["aws.states"],"detail":{"status":["TIMED_OUT"]}}`),
		Targets: []template.Target{{ID: "broken", ARN: broken}, {ID: "dead", ARN: dead}},
	}
}

// TestConstantInput checks that a target with an input gets it in place of each event, beside targets that get the
// event.
func TestConstantInput(t *testing.T) {
	t.Parallel()
	ended := died()
	ended.Targets = append(ended.Targets, template.Target{ID: "permits", ARN: mine, Input: `{"permit":1}`})
	s, client, got := start(t, ended)
	event := events.Event{Source: "aws.states", DetailType: "Status", Detail: json.RawMessage(`{"status":"TIMED_OUT"}`)}
	s.put(t, event)
	_, err := client.PutTargets(t.Context(), &api.PutTargetsInput{Rule: aws.String("died"), Targets: []types.Target{
		{Id: aws.String("permits"), Arn: aws.String(mine), Input: aws.String(`"again"`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, event)
	if diff := cmp.Diff([]string{`{"permit":1}`, `"again"`}, got[mine]); diff != "" {
		t.Errorf("the target with an input got (-want +got):\n%s", diff)
	}
	if len(got[dead]) != 2 || !strings.Contains(got[dead][0], "TIMED_OUT") {
		t.Errorf("the target without an input got %q, want the events", got[dead])
	}
}

func TestPutReachesMatchingTargets(t *testing.T) {
	t.Parallel()
	s, _, got := start(t, died())
	for _, e := range []events.Event{
		{Source: "aws.states", DetailType: "Status", Detail: json.RawMessage(`{"status":"SUCCEEDED"}`)},
		{Source: "aws.states", DetailType: "Status", Detail: json.RawMessage(`{"status":"TIMED_OUT","key":"a<b"}`), Resources: []string{"arn:r"}},
	} {
		s.put(t, e)
	}
	if len(got) != 1 || len(got[dead]) != 1 {
		t.Fatalf("delivered %v, want one event", got)
	}
	var envelope map[string]any
	if err := json.Unmarshal([]byte(got[dead][0]), &envelope); err != nil {
		t.Fatal(err)
	}
	if id, _ := envelope["id"].(string); len(id) != 36 {
		t.Errorf("got id %q, want a UUID", id)
	}
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(envelope["time"])); err != nil || time.Since(at) > time.Minute {
		t.Errorf("got time %v, want now in RFC 3339", envelope["time"])
	}
	delete(envelope, "id")
	delete(envelope, "time")
	want := map[string]any{
		"version": "0", "detail-type": "Status", "source": "aws.states", "account": "000000000000",
		"region": "us-east-1", "resources": []any{"arn:r"}, "detail": map[string]any{"status": "TIMED_OUT", "key": "a<b"},
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
}

func TestNewNamesRulesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	bad := died()
	bad.Pattern = json.RawMessage(`{"source":"aws.states"}`)
	if _, err := events.New(
		newStore(t),
		[]template.Rule{bad},
		make(inbox).deliver,
	); err == nil ||
		!strings.Contains(err.Error(), "read rule died: source:") {
		t.Errorf("got %v, want an error that names the rule and the field", err)
	}
}

func TestPutEvents(t *testing.T) {
	t.Parallel()
	_, client, got := start(
		t,
		template.Rule{
			Name:    "all",
			Pattern: json.RawMessage(`{"version":["0"]}`),
			Targets: []template.Target{{ID: "t", ARN: mine}},
		},
	)
	entry := func(source, kind, detail string) types.PutEventsRequestEntry {
		return types.PutEventsRequestEntry{Source: &source, DetailType: &kind, Detail: &detail}
	}
	out, err := client.PutEvents(t.Context(), &api.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		entry("test", "Good", `{"a":1}`), entry("", "No source", `{}`), entry("test", "", `{}`),
		entry("test", "Text", `hello`), entry("test", "Array", `[]`), entry("aws.s3", "Forged", `{}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, e := range out.Entries {
		if (e.EventId == nil) == (e.ErrorCode == nil) {
			t.Errorf("got id %v and error %v, want one of both", e.EventId, e.ErrorCode)
		}
		codes = append(codes, aws.ToString(e.ErrorCode))
	}
	want := []string{
		"",
		"InvalidArgument",
		"InvalidArgument",
		"MalformedDetail",
		"MalformedDetail",
		"NotAuthorizedForSourceException",
	}
	if diff := cmp.Diff(want, codes); diff != "" || out.FailedEntryCount != 5 {
		t.Errorf("%d failed, codes (-want +got):\n%s", out.FailedEntryCount, diff)
	}
	if len(got[mine]) != 1 || !strings.Contains(got[mine][0], `"detail":{"a":1}`) {
		t.Errorf("delivered %v, want one event to each target", got)
	}
}

func TestRulesOfOnesOwn(t *testing.T) {
	t.Parallel()
	s, client, got := start(t, died())
	ctx := t.Context()
	made, err := client.PutRule(
		ctx,
		&api.PutRuleInput{Name: aws.String("infected"), EventPattern: aws.String(`{"detail":{"verdict":["INFECTED"]}}`)},
	)
	if err != nil || *made.RuleArn != "arn:aws:events:us-east-1:000000000000:rule/infected" {
		t.Fatalf("made %v, %v, want the rule's ARN", made, err)
	}
	name, bus := aws.String("infected"), aws.String("arn:aws:events:us-east-1:000000000000:event-bus/default")
	put, err := client.PutTargets(ctx, &api.PutTargetsInput{Rule: name, EventBusName: bus, Targets: []types.Target{
		{Id: aws.String("1"), Arn: aws.String(dead)},
		{Id: aws.String("2"), Arn: aws.String(mine)},
	}})
	if err != nil || put.FailedEntryCount != 0 {
		t.Fatalf("put targets: got %v, %v, want no failure", put, err)
	}
	event := events.Event{
		Source:     "lazaret",
		DetailType: "Verdict",
		Detail:     json.RawMessage(`{"verdict":"INFECTED","key":"a/b"}`),
	}
	s.put(t, event)
	if len(got[dead]) != 1 || len(got[mine]) != 1 || !strings.Contains(got[mine][0], `"key":"a/b"`) {
		t.Errorf("delivered %v, want one event to each target", got)
	}
	again, err := events.New(s.kept, []template.Rule{died()}, got.deliver)
	if err != nil {
		t.Fatal(err)
	}
	stored{again, s.kept}.put(t, event)
	if len(got[mine]) != 2 || len(got[dead]) != 2 {
		t.Errorf("got %v after a restart, want two events in each queue", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, client, _ := start(t, died())
	ctx, x := t.Context(), aws.String("x")
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"no such rule", func() error {
			_, err := client.PutTargets(
				ctx,
				&api.PutTargetsInput{Rule: x, Targets: []types.Target{{Id: x, Arn: aws.String(dead)}}},
			)
			return err
		}, "ResourceNotFoundException"},
		{"no such bus", func() error {
			_, err := client.PutRule(ctx, &api.PutRuleInput{Name: x, EventBusName: x, EventPattern: aws.String(`{"a":["b"]}`)})
			return err
		}, "ResourceNotFoundException"},
		{"pattern", func() error {
			_, err := client.PutRule(ctx, &api.PutRuleInput{Name: x, EventPattern: aws.String(`{"a":"b"}`)})
			return err
		}, "InvalidEventPatternException"},
		{"schedule", func() error {
			_, err := client.PutRule(ctx, &api.PutRuleInput{Name: x, ScheduleExpression: aws.String("rate(1 hour)")})
			return err
		}, "ValidationException"},
		{"target that is no queue", func() error {
			_, err := client.PutTargets(
				ctx,
				&api.PutTargetsInput{
					Rule:    aws.String("died"),
					Targets: []types.Target{{Id: x, Arn: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f")}},
				},
			)
			return err
		}, "ValidationException"},
		{"target with a path", func() error {
			_, err := client.PutTargets(
				ctx,
				&api.PutTargetsInput{
					Rule:    aws.String("died"),
					Targets: []types.Target{{Id: x, Arn: aws.String(dead), InputPath: aws.String("$.detail")}},
				},
			)
			return err
		}, "ValidationException"},
		{"no events", func() error {
			_, err := client.PutEvents(ctx, &api.PutEventsInput{Entries: []types.PutEventsRequestEntry{}})
			return err
		}, "ValidationException"},
		{"unknown operation", func() error {
			_, err := client.ListArchives(ctx, &api.ListArchivesInput{})
			return err
		}, "UnknownOperationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call()
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	var notFound *types.ResourceNotFoundException
	if err := tests[0].call(); !errors.As(err, &notFound) {
		t.Errorf("got %T, want a typed ResourceNotFoundException", err)
	}
}
