package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/api"
)

// TestJSON holds the bytes that clients map to results and exceptions.
func TestJSON(t *testing.T) {
	t.Parallel()
	service := api.JSON{
		Version: "1.0", Target: "Service.", Shapes: "com.amazonaws.service#", Failure: "InternalFailure", MaxBody: 30,
		Operations: map[string]api.Operation{
			"Echo": api.Decoded(func(_ *http.Request, in struct{ Text string }) (any, error) { return in, nil }),
			"None": api.Decoded(func(*http.Request, struct{}) (any, error) { return nil, nil }),
			"Refuse": api.Decoded(func(*http.Request, struct{}) (any, error) {
				return nil, api.Refuse("QueueDoesNotExist", "no queue %d", 7)
			}),
			"Fail": api.Decoded(func(*http.Request, struct{}) (any, error) { return nil, errors.New("disk full") }),
		},
		OnError: func(h http.Header, e *api.Error) { h.Set("X-Code", e.Code) },
	}
	tests := []struct {
		target, body string
		status       int
		want, code   string
	}{
		{"Service.Echo", `{"Text":"<&>"}`, 200, `{"Text":"<&>"}`, ""},
		{"Service.None", `{}`, 200, "", ""},
		{
			"Service.Refuse",
			`{}`,
			400,
			`{"__type":"com.amazonaws.service#QueueDoesNotExist","message":"no queue 7"}`,
			"QueueDoesNotExist",
		},
		{
			"Service.Fail",
			`{}`,
			500,
			`{"__type":"com.amazonaws.service#InternalFailure","message":"disk full"}`,
			"InternalFailure",
		},
		{"Service.Nope", `{}`, 400, `#UnknownOperationException"`, "UnknownOperationException"},
		{"Other.Echo", `{}`, 400, `#UnknownOperationException"`, "UnknownOperationException"},
		{"Service.Echo", `{`, 400, `#SerializationException"`, "SerializationException"},
		{"Service.Echo", `{"Text":5}`, 400, `#SerializationException"`, "SerializationException"},
		{"Service.Echo", `{"Text":"more than 30 bytes of text"}`, 400, `#SerializationException"`, "SerializationException"},
	}
	for _, tt := range tests {
		t.Run(tt.target+" "+tt.body, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(tt.body))
			r.Header.Set("X-Amz-Target", tt.target)
			w := httptest.NewRecorder()
			service.ServeHTTP(w, r)
			if got := strings.TrimSpace(
				w.Body.String(),
			); w.Code != tt.status || !strings.Contains(got, tt.want) ||
				tt.want == "" && got != "" {
				t.Errorf("got %d %s, want %d %s", w.Code, got, tt.status, tt.want)
			}
			if got := w.Header().Get("X-Code"); got != tt.code {
				t.Errorf("got code %q in the header, want %q", got, tt.code)
			}
			if got := w.Header().
				Get("Content-Type"); got != "application/x-amz-json-1.0" ||
				w.Header().Get("X-Amzn-RequestId") == "" {
				t.Errorf("got headers %v, want the protocol's content type and a request id", w.Header())
			}
		})
	}
}
