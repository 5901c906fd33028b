package job_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, cause, want string }{
		{
			name:  "a Lambda's",
			cause: `{"errorMessage":"tag s3://b/k: tag limit reached","errorType":"TagLimit"}`,
			want:  "tag s3://b/k: tag limit reached",
		},
		{name: "a service's", cause: "Rate Exceeded. (Service: Lambda)", want: "Rate Exceeded. (Service: Lambda)"},
		{name: "other JSON", cause: `{"a":1}`, want: `{"a":1}`},
		{name: "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := job.Message(tt.cause); got != tt.want {
				t.Errorf("Message(%q) = %q, want %q", tt.cause, got, tt.want)
			}
		})
	}
}
