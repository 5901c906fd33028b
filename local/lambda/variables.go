package lambda

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

// variables is the whole environment of the process; where a name comes twice
// the later one counts. Of the user's own environment only PATH and HOME are
// passed on: a profile, a proxy or real credentials must not reach a function.
// The list of those that Lambda sets, and which of them an OS-only runtime does
// not have (AWS_EXECUTION_ENV), is in
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func (e *environment) variables(api, root string) []string {
	f := e.function
	vars := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"TMPDIR=" + e.temp, // Lambda's /tmp is each environment's own
		"TZ=:UTC",
		"AWS_XRAY_SDK_DISABLED=TRUE", // no daemon is there to take its segments
	}
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		vars = append(vars, name+"="+f.localPath(f.Environment[name]))
	}
	if extra := f.host.Environment; extra != nil {
		vars = append(vars, extra(f.Function)...)
	}
	return append(vars,
		"AWS_LAMBDA_RUNTIME_API="+api,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION="+latest,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME="+e.stream,
		"AWS_REGION="+template.Region,
		"AWS_DEFAULT_REGION="+template.Region,
		"LAMBDA_TASK_ROOT="+root,
		"_HANDLER=bootstrap",
	)
}

// localPath turns a path on one of the function's mounts into the path of the
// folder that stands for it; other values stay as they are.
func (f *function) localPath(value string) string {
	for _, m := range f.Mounts {
		rest, ok := strings.CutPrefix(value, strings.TrimSuffix(m.Path, "/"))
		if ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(f.host.Volume, m.Root) + rest
		}
	}
	return value
}
