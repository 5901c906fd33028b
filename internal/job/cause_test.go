package job_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, cause, want string }{
		{"a Lambda's", `{"errorMessage":"tag s3://b/k: tag limit reached","errorType":"TagLimit"}`, "tag s3://b/k: tag limit reached"},
		{"a service's", "Rate Exceeded. (Service: Lambda)", "Rate Exceeded. (Service: Lambda)"},
		{"other JSON", `{"a":1}`, `{"a":1}`},
		{"none", "", ""},
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
