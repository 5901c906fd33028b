package states

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func newClient(t *testing.T, handler http.Handler) *sfn.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return sfn.New(sfn.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

func begin(t *testing.T, c *sfn.Client, name, input string) *sfn.StartExecutionOutput {
	t.Helper()
	out, err := c.StartExecution(
		t.Context(),
		&sfn.StartExecutionInput{StateMachineArn: aws.String(testMachine), Name: aws.String(name), Input: aws.String(input)},
	)
	if err != nil {
		t.Fatalf("StartExecution: %v", err)
	}
	return out
}

func arnOf(name string) *string {
	return aws.String("arn:aws:states:us-east-1:000000000000:execution:test:" + name)
}

func settle(t *testing.T, s *Service, name string) {
	t.Helper()
	wait(t, started{s, *arnOf(name)})
}

func TestAPIOfOneExecution(t *testing.T) {
	t.Parallel()
	w := &world{functions: map[string][]reply{"f": {{}}}}
	definition := one(invokeF + `,"OutputPath":"$.Payload","End":true`)
	s := newService(t, w.config(t, definition))
	c := newClient(t, s)
	before := time.Now().Truncate(time.Millisecond)
	started := begin(t, c, "run-1", `{"a":1}`)
	if *started.ExecutionArn != *arnOf("run-1") || started.StartDate.Before(before) ||
		time.Since(*started.StartDate) > time.Minute {
		t.Errorf("got %s of %v, want %s of now", *started.ExecutionArn, started.StartDate, *arnOf("run-1"))
	}
	settle(t, s, "run-1")

	got, err := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != types.ExecutionStatusSucceeded || *got.Output != `{"a":1}` || *got.Input != `{"a":1}` ||
		*got.Name != "run-1" ||
		*got.StateMachineArn != testMachine ||
		!got.OutputDetails.Included ||
		got.StopDate.Before(*got.StartDate) {
		t.Errorf("got %+v, want the execution with its input and output", got)
	}

	history, err := c.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: started.ExecutionArn})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []types.HistoryEventType
	for _, e := range history.Events {
		kinds = append(kinds, e.Type)
	}
	want := []types.HistoryEventType{
		types.HistoryEventTypeExecutionStarted,
		types.HistoryEventTypeTaskStateEntered,
		types.HistoryEventTypeTaskScheduled,
		types.HistoryEventTypeTaskStarted,
		types.HistoryEventTypeTaskSucceeded,
		types.HistoryEventTypeTaskStateExited,
		types.HistoryEventTypeExecutionSucceeded,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Fatalf("history differs (-want +got):\n%s", diff)
	}
	e := history.Events
	if *e[0].ExecutionStartedEventDetails.Input != `{"a":1}` || *e[1].StateEnteredEventDetails.Name != "A" || *e[2].TaskScheduledEventDetails.Resource != "invoke" ||
		*e[3].TaskStartedEventDetails.ResourceType != "lambda" || e[4].TaskSucceededEventDetails.Output == nil || *e[5].StateExitedEventDetails.Output != `{"a":1}` ||
		*e[6].ExecutionSucceededEventDetails.Output != `{"a":1}` ||
		e[6].Id != 7 ||
		e[6].PreviousEventId != 6 ||
		e[6].Timestamp.Before(before) {
		t.Errorf("got events %s, want details in each", encode(e))
	}

	described, err := c.DescribeStateMachine(
		t.Context(),
		&sfn.DescribeStateMachineInput{StateMachineArn: aws.String(testMachine)},
	)
	if err != nil || *described.Definition != definition || described.CreationDate.IsZero() ||
		described.Type != types.StateMachineTypeStandard ||
		described.Status != types.StateMachineStatusActive {
		t.Errorf("got %+v, %v, want an active standard machine with definition %s", described, err, definition)
	}
	ofExecution, err := c.DescribeStateMachineForExecution(
		t.Context(), &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: started.ExecutionArn},
	)
	if err != nil || *ofExecution.Definition != definition || *ofExecution.StateMachineArn != testMachine ||
		ofExecution.UpdateDate.IsZero() {
		t.Errorf("got %+v, %v, want %s with definition %s", ofExecution, err, testMachine, definition)
	}
}

func TestStartExecutionIsIdempotent(t *testing.T) {
	t.Parallel()
	w := &world{functions: map[string][]reply{"f": {{hang: true}}}}
	s := newService(t, w.config(t, one(payloadF+`,"End":true`)))
	c := newClient(t, s)
	first := begin(t, c, "same", `{"a":1}`)
	again := begin(t, c, "same", `{"a":1}`)
	if *first.ExecutionArn != *again.ExecutionArn || !first.StartDate.Equal(*again.StartDate) {
		t.Errorf("got %s of %v, want the running execution %s", *again.ExecutionArn, again.StartDate, *first.ExecutionArn)
	}
	taken := func(input string) {
		t.Helper()
		_, err := c.StartExecution(
			t.Context(),
			&sfn.StartExecutionInput{
				StateMachineArn: aws.String(testMachine),
				Name:            aws.String("same"),
				Input:           aws.String(input),
			},
		)
		if _, exists := errors.AsType[*types.ExecutionAlreadyExists](err); !exists {
			t.Errorf("StartExecution with input %s: got %v, want ExecutionAlreadyExists", input, err)
		}
	}
	taken(`{"a":2}`)
	stopped, err := c.StopExecution(
		t.Context(),
		&sfn.StopExecutionInput{ExecutionArn: first.ExecutionArn, Error: aws.String("Stop"), Cause: aws.String("enough")},
	)
	if err != nil || stopped.StopDate.Before(*first.StartDate) {
		t.Fatalf("StopExecution: got %v, %v, want a date after the start", stopped, err)
	}
	taken(`{"a":1}`)

	got, err := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: first.ExecutionArn})
	if err != nil || got.Status != types.ExecutionStatusAborted || *got.Error != "Stop" || *got.Cause != "enough" ||
		!got.StopDate.Equal(*stopped.StopDate) {
		t.Errorf("DescribeExecution: got %+v, %v, want ABORTED with error and cause", got, err)
	}
	history, err := c.GetExecutionHistory(
		t.Context(),
		&sfn.GetExecutionHistoryInput{ExecutionArn: first.ExecutionArn, ReverseOrder: true, MaxResults: 1},
	)
	if err != nil || history.Events[0].Type != types.HistoryEventTypeExecutionAborted ||
		*history.Events[0].ExecutionAbortedEventDetails.Cause != "enough" {
		t.Errorf("got last event %+v, %v, want ExecutionAborted with the cause", history, err)
	}
	if again, err := c.StopExecution(
		t.Context(),
		&sfn.StopExecutionInput{ExecutionArn: first.ExecutionArn},
	); err != nil ||
		!again.StopDate.Equal(*stopped.StopDate) {
		t.Errorf("second StopExecution: got %+v, %v, want the date of the first", again, err)
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	s := newService(t, (&world{}).config(t, one(`"Type":"Pass","End":true`)))
	c := newClient(t, s)
	begin(t, c, "run", `{}`)
	settle(t, s, "run")
	other := strings.Replace(testMachine, ":test", ":other", 1)
	startAs := func(machine, name, input string) error {
		_, err := c.StartExecution(
			t.Context(),
			&sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input},
		)
		return err
	}
	describe := func(arn string) error {
		_, err := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		return err
	}
	list := func(in sfn.ListExecutionsInput) error {
		in.StateMachineArn = aws.String(testMachine)
		_, err := c.ListExecutions(t.Context(), &in)
		return err
	}
	history := func(in sfn.GetExecutionHistoryInput) error {
		in.ExecutionArn = arnOf("run")
		_, err := c.GetExecutionHistory(t.Context(), &in)
		return err
	}
	_, redrive := c.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: arnOf("run")})
	_, describeMachine := c.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &other})
	_, stop := c.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: arnOf("nope")})
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"name with a space", startAs(testMachine, "a b", "{}"), "InvalidName"},
		{"name with a slash", startAs(testMachine, "a/b", "{}"), "InvalidName"},
		{"name with a control character", startAs(testMachine, "a\u0080", "{}"), "InvalidName"},
		{"name of 81", startAs(testMachine, strings.Repeat("n", 81), "{}"), "InvalidName"},
		{"input that is no JSON", startAs(testMachine, "n", "{"), "InvalidExecutionInput"},
		{"input with more after it", startAs(testMachine, "n", "{} {}"), "InvalidExecutionInput"},
		{"input too long", startAs(testMachine, "n", `"`+strings.Repeat("x", maxPayload)+`"`), "ValidationException"},
		{"machine ARN", startAs("arn:aws:sqs:us-east-1:000000000000:q", "n", "{}"), "InvalidArn"},
		{"unknown machine", startAs(other, "n", "{}"), "StateMachineDoesNotExist"},
		{"execution ARN", describe("x"), "InvalidArn"},
		{"machine's ARN for an execution", describe(testMachine), "InvalidArn"},
		{"unknown execution", describe(*arnOf("nope")), "ExecutionDoesNotExist"},
		{"stop of an unknown execution", stop, "ExecutionDoesNotExist"},
		{"unknown machine described", describeMachine, "StateMachineDoesNotExist"},
		{"token of a list", list(sfn.ListExecutionsInput{NextToken: aws.String("x")}), "InvalidToken"},
		{"negative token", list(sfn.ListExecutionsInput{NextToken: aws.String("-1")}), "InvalidToken"},
		{"token out of range", list(sfn.ListExecutionsInput{NextToken: aws.String("99")}), "InvalidToken"},
		{"page too long", list(sfn.ListExecutionsInput{MaxResults: 1001}), "ValidationException"},
		{"unknown status", list(sfn.ListExecutionsInput{StatusFilter: "DONE"}), "ValidationException"},
		{"token of a history", history(sfn.GetExecutionHistoryInput{NextToken: aws.String("x")}), "InvalidToken"},
		{"operation", redrive, "UnknownOperationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e smithy.APIError
			if !errors.As(tt.err, &e) || e.ErrorCode() != tt.want {
				t.Errorf("error %v, want %s", tt.err, tt.want)
			}
		})
	}
	var typed *types.ExecutionDoesNotExist
	if err := describe(*arnOf("nope")); !errors.As(err, &typed) || !strings.Contains(typed.ErrorMessage(), "nope") {
		t.Errorf("got %v, want a typed ExecutionDoesNotExist that names the execution", err)
	}
}

func TestListExecutions(t *testing.T) {
	t.Parallel()
	s := newService(
		t,
		(&world{}).config(
			t,
			two(
				`"Type":"Choice","Choices":[{"Variable":"$.ok","BooleanEquals":true,"Next":"B"}],"Default":"B"`,
				`"Type":"Pass","OutputPath":"$.x","End":true`,
			),
		),
	)
	c := newClient(t, s)
	for i := range 25 {
		name, input := fmt.Sprintf("run-%02d", i), `{"ok":true,"x":1}`
		if i%5 == 0 {
			input = `{"ok":true}`
		}
		begin(t, c, name, input)
		settle(t, s, name)
	}
	names := func(filter types.ExecutionStatus, size int32) (out []string, pages int) {
		p := sfn.NewListExecutionsPaginator(
			c,
			&sfn.ListExecutionsInput{StateMachineArn: aws.String(testMachine), StatusFilter: filter, MaxResults: size},
		)
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, e := range page.Executions {
				out = append(out, *e.Name)
			}
			if pages == 1 { // what starts meanwhile does not move the pages that follow
				begin(t, c, fmt.Sprintf("late-%s-%d", filter, size), `{"ok":true}`)
			}
		}
		return out, pages
	}
	got, pages := names(types.ExecutionStatusFailed, 2)
	if diff := cmp.Diff([]string{"run-20", "run-15", "run-10", "run-05", "run-00"}, got); diff != "" || pages != 3 {
		t.Errorf("failed executions in %d pages differ (-want +got):\n%s", pages, diff)
	}
	got, pages = names("", 10)
	if len(got) != 26 || got[0] != "late-FAILED-2" || got[1] != "run-24" || got[25] != "run-00" || pages != 3 {
		t.Errorf("got %q in %d pages, want 26 in 3, the newest first", got, pages)
	}
}

func TestGetExecutionHistoryPages(t *testing.T) {
	t.Parallel()
	s := newService(t, (&world{}).config(t, two(`"Type":"Pass","Next":"B"`, `"Type":"Pass","End":true`)))
	c := newClient(t, s)
	begin(t, c, "run", `{"a":1}`)
	settle(t, s, "run")
	for _, reverse := range []bool{false, true} {
		var ids []int64
		p := sfn.NewGetExecutionHistoryPaginator(
			c,
			&sfn.GetExecutionHistoryInput{ExecutionArn: arnOf("run"), MaxResults: 4, ReverseOrder: reverse},
		)
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				ids = append(ids, e.Id)
			}
		}
		want := []int64{1, 2, 3, 4, 5, 6}
		if reverse {
			want = []int64{6, 5, 4, 3, 2, 1}
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("ids differ (-want +got):\n%s", diff)
		}
	}
}
