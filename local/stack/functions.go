package stack

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/datadir"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/notice"
	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
	"github.com/lazaret/lazaret/local/volume"
)

// Values of Config.Sandbox.
const (
	SandboxAuto = "auto" // as much as this machine allows
	SandboxOn   = "on"   // all of it, or the stack does not start
	SandboxOff  = "off"
)

// programs is the folder of the functions' programs.
type programs string

func (p programs) path(f template.Function) (string, error) {
	return filepath.Join(string(p), f.Short, "bootstrap"), nil
}

// check looks for every program, so that its absence is an error of the start and not of the first upload.
func (p programs) check(functions []template.Function) error {
	for _, f := range functions {
		path, err := p.path(f)
		if err == nil {
			_, err = exec.LookPath(path)
		}
		if err != nil {
			return fmt.Errorf("find the program of function %s (run make build): %w", f.Name, err)
		}
	}
	return nil
}

// startLambda returns the running functions, and one line about their sandbox.
func (s *Stack) startLambda(config Config, data *datadir.Folder, all services, watch *notice.Watch) (
	*lambda.Host, string, error,
) {
	level, ok := map[string]sandbox.Level{
		"": sandbox.View, SandboxAuto: sandbox.View, SandboxOn: sandbox.View, SandboxOff: sandbox.Off,
	}[config.Sandbox]
	if !ok {
		return nil, "", fmt.Errorf("sandbox is %q, want %s, %s or %s",
			config.Sandbox, SandboxOn, SandboxOff, SandboxAuto)
	}
	if err := volume.Share(data.Volume(), s.Application.Functions); err != nil {
		return nil, "", err
	}
	files := newFunctionLogs(data.Logs(), s.Application.Name, config.Logs)
	s.onClose(files.close)
	endpoint, source := cmp.Or(config.FunctionsEndpoint, s.Endpoint), config.source()
	host, err := lambda.New(lambda.Config{
		Functions: s.Application.Functions, Binary: config.programs().path, Volume: data.Volume(), Temp: data.Temp(),
		Environment: func(f template.Function) []string {
			return append(source.Environment(f), awsVariables(f, endpoint)...)
		},
		Queue: all.queues, Logs: files.write, Freeze: config.Freeze, Sandbox: level, Peers: s.AnyUser == nil,
		Ended: func(function string, result lambda.Result, err error) {
			files.report(function, result)
			watch.Invoked(function, result, err)
		},
	})
	if err != nil {
		return nil, "", err
	}
	s.onClose(func() error { host.Close(); return nil })
	if why := host.Weakness(); why != nil && config.Sandbox == SandboxOn {
		return nil, "", fmt.Errorf("confine functions as Lambda does: %w", why)
	}
	return host, describeSandbox(host.Level(), host.Weakness()), nil
}

// awsVariables gives a function the endpoint and the credentials of its role, and keeps the user's own configuration of
// AWS from it.
func awsVariables(f template.Function, endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ACCESS_KEY_ID=" + access.Key(f.RoleARN),
		"AWS_SECRET_ACCESS_KEY=" + access.Secret,
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

func describeSandbox(level sandbox.Level, why error) string {
	text := map[sandbox.Level]string{
		sandbox.Off:      "off: functions may do what you may",
		sandbox.Filtered: "functions are refused the system calls that Lambda refuses, and may write wherever you may",
		sandbox.Guarded: "functions are refused the system calls that Lambda refuses, and writes elsewhere than in " +
			"their own /tmp and on the volume; they see your other files",
		sandbox.View: "functions may do what Lambda's may",
	}[level]
	if why != nil {
		text += fmt.Sprintf(" (no more on this machine: %v)", why)
	}
	return text
}
