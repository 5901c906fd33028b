package main

import (
	"strings"
	"testing"
)

// TestNoConfiguration checks that a user without AWS configuration reads in one line what to do. It is not parallel,
// because it changes the environment.
func TestNoConfiguration(t *testing.T) {
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	tests := []struct {
		name string
		args []string
		want string // the beginning of the line
	}{
		{
			"no region",
			[]string{"redrive"},
			"lazaret: no region is configured: set --region or AWS_REGION; for lazaret local paste",
		},
		{
			"no credentials",
			[]string{"redrive", "--region", "us-east-1"},
			"lazaret: find AWS credentials (for lazaret local paste the export that it prints): ",
		},
		{
			"an endpoint without a scheme",
			[]string{"redrive", "--region", "us-east-1", "--endpoint-url", "127.0.0.1:4566"},
			"lazaret: --endpoint-url 127.0.0.1:4566: want a URL such as http://127.0.0.1:4566\n",
		},
		{
			"an endpoint with a name for a scheme",
			[]string{"redrive", "--region", "us-east-1", "--endpoint-url", "localhost:4566"},
			"lazaret: --endpoint-url localhost:4566: want a URL such as",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, tt.args...)
			if code != exitCannotStart || stdout != "" ||
				!strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf(
					"got exit code %d, standard output %q, standard error %q, want %d, none, one line that begins %q",
					code,
					stdout,
					stderr,
					exitCannotStart,
					tt.want,
				)
			}
		})
	}
}
