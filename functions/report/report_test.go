package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
)

type fakeBus func(*eventbridge.PutEventsInput) error

func (f fakeBus) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	return &eventbridge.PutEventsOutput{}, f(in)
}

const (
	object   = `"object":{"bucket":"uploads","key":"a.txt","versionId":"v1"}`
	infected = `"scan":{"verdict":"INFECTED","signature":"X","engine":{"name":"clamd"},"time":"2026-11-22T09:00:00Z"}`
	lambdas  = `{\"errorMessage\":\"get object: forbidden\",\"errorType\":\"AccessDenied\"}`
)

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event string
		want        []string // in the detail
	}{
		{
			"the state machine gave up",
			`{"job":{"version":1,` + object + `},"error":"AccessDenied","cause":"` + lambdas + `","execution":"arn:e"}`,
			[]string{
				`"scanStatus":"SKIPPED"`, `"scanResultStatus":"ACCESS_DENIED"`,
				`"deadLetter":{"error":"AccessDenied","cause":"get object: forbidden","execution":"arn:e"}`,
			},
		},
		{
			"an infection that could not be moved",
			`{"job":{"version":1,` + object + `,` + infected + `},"error":"AccessDenied","cause":"c","execution":"arn:e"}`,
			[]string{`"scanResultStatus":"THREATS_FOUND"`, `"threats":[{"name":"X"}]`},
		},
		{
			"an execution died",
			`{"detail-type":"Step Functions Execution Status Change","detail":{"executionArn":"arn:e","status":"TIMED_OUT",` +
				`"input":"{\"version\":1,\"object\":{\"bucket\":\"uploads\",\"key\":\"a.txt\",\"versionId\":\"v1\"}}"}}`,
			[]string{`"scanResultStatus":"FAILED"`, `"deadLetter":{"error":"TIMED_OUT","cause":"","execution":"arn:e"}`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			put := ""
			h := handler{bus: "default", events: fakeBus(func(in *eventbridge.PutEventsInput) error {
				put += *in.Entries[0].Detail
				return nil
			})}
			if _, err := h.handle(t.Context(), json.RawMessage(tt.event)); err != nil {
				t.Fatal(err)
			}
			for _, want := range append(tt.want, `"bucketName":"uploads"`, `"objectKey":"a.txt"`, `"versionId":"v1"`) {
				if !strings.Contains(put, want) {
					t.Errorf("event is %s, want %s in it", put, want)
				}
			}
		})
	}
}

func TestReportErrors(t *testing.T) {
	t.Parallel()
	fine := `{"job":{"version":1,` + object + `},"error":"Unexpected","cause":"c","execution":"arn:e"}`
	for _, tt := range []struct {
		name, event string
		bus         error
		want        error
	}{
		{name: "no JSON", event: `[`, want: job.ErrBadJob},
		{name: "no object", event: `{"job":{"version":1},"error":"x"}`, want: job.ErrBadJob},
		{name: "no job", event: `{"detail-type":"Step Functions Execution Status Change","detail":{}}`, want: job.ErrBadJob},
		{name: "refused", event: fine, bus: &smithy.GenericAPIError{Code: "AccessDeniedException"}, want: job.ErrAccessDenied},
		{name: "throttled", event: fine, bus: &smithy.GenericAPIError{Code: "ThrottlingException"}, want: job.ErrTransient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := handler{bus: "default", events: fakeBus(func(*eventbridge.PutEventsInput) error { return tt.bus })}
			if _, err := h.handle(t.Context(), json.RawMessage(tt.event)); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}
