package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{
			"a function's container",
			`{"Image":"i","Entrypoint":["/var/rapid/aws-lambda-rie","--log-level","error","/bootstrap"],"ExposedPorts":{"8080/tcp":{}},
			  "HostConfig":{"Binds":["/a:/b:ro"],"Memory":1,"NetworkMode":"default","PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"5001"}]}}}`,
			`{"Image":"i","User":"7:8","Entrypoint":["/var/rapid/aws-lambda-rie","--runtime-interface-emulator-address","127.0.0.1:5001",
			  "--runtime-api-address","127.0.0.1:9","--log-level","error","/bootstrap"],
			  "HostConfig":{"Binds":["/a:/b:ro","/vol:/mnt/lazaret"],"Memory":1,"NetworkMode":"host"}}`,
		},
		{
			"another container",
			`{"Image":"i","Entrypoint":["/bin/x"],"HostConfig":{}}`,
			`{"Image":"i","Entrypoint":["/bin/x"],"HostConfig":{}}`,
		},
		{"one without an entrypoint", `{"Image":"i"}`, `{"Image":"i"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := changed([]byte(tt.body), "/vol", "7:8", func() (string, error) { return "9", nil })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, tt.want), decode(t, string(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, body := range []string{`no JSON`, `{"Entrypoint":["/var/rapid/aws-lambda-rie"],"HostConfig":{}}`} {
		if got, err := changed([]byte(body), "/vol", "7:8", freePort); err == nil {
			t.Errorf("changed(%s) = %s, want an error", body, got)
		}
	}
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
