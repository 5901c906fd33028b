package lambda

import (
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// Paths of Lambda's OS-only runtime, and of Docker for images that name none.
const (
	zipPath   = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
	imagePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// variables is the whole environment of the process. It has nothing of this process's environment: a profile, a proxy
// or real credentials must not reach a function. The list was observed with functions of provided.al2023, and is in
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func (e *environment) variables(root string) []string {
	f := e.function
	path := zipPath
	if f.Image {
		path = imagePath
	}
	vars := []string{"PATH=" + path, "LANG=en_US.UTF-8", "TZ=:UTC", "LD_LIBRARY_PATH=" + libraries}
	if f.Image {
		vars = append(vars, "HOME=/tmp") // as our Dockerfiles say
	}
	if f.host.level < sandbox.View {
		vars = append(vars, "TMPDIR="+e.folder+"/tmp") // Lambda's /tmp is each environment's own
	} else {
		root = "/var/task"
	}
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		vars = append(vars, name+"="+f.localPath(f.Environment[name]))
	}
	if extra := f.host.Environment; extra != nil {
		vars = append(vars, extra(f.Function)...)
	}
	daemon := f.host.tracing.LocalAddr().String()
	host, port, _ := net.SplitHostPort(daemon) // an address always splits
	vars = append(vars,
		"AWS_LAMBDA_RUNTIME_API="+f.host.runtime.Addr().String()+"/"+e.secret,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION="+latest,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME="+e.stream,
		"AWS_REGION="+template.Region,
		"AWS_DEFAULT_REGION="+template.Region,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS="+daemon,
		"_AWS_XRAY_DAEMON_ADDRESS="+host,
		"_AWS_XRAY_DAEMON_PORT="+port,
		"LAMBDA_TASK_ROOT="+root,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"_HANDLER=bootstrap",
	)
	return (&exec.Cmd{Env: vars}).Environ() // keeps the last one of each name
}

// libraries is LD_LIBRARY_PATH as Lambda sets it.
const libraries = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"

// localPath replaces a path on one of the function's mounts by the path of its folder here, unless the sandbox mounts
// the folder at that path. Other values stay as they are.
func (f *function) localPath(value string) string {
	if f.host.level == sandbox.View {
		return value
	}
	for _, m := range f.Mounts {
		rest, ok := strings.CutPrefix(value, strings.TrimSuffix(m.Path, "/"))
		if ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(f.host.Volume, m.Root) + rest
		}
	}
	return value
}
