package infra_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

// TestParametersAreGrouped: the console shows a parameter without a group under "Other parameters", and a parameter
// with a default and a description can be left alone.
func TestParametersAreGrouped(t *testing.T) {
	t.Parallel()
	file := readTemplate(t, mainTemplate)
	var grouped []string
	for _, group := range file.Metadata.Interface.ParameterGroups {
		grouped = append(grouped, group.Parameters...)
	}
	slices.Sort(grouped)
	if diff := cmp.Diff(sortedKeys(file.Parameters), grouped); diff != "" || len(grouped) == 0 {
		t.Errorf("%d parameters in groups (-declared +grouped):\n%s", len(grouped), diff)
	}
	for name, p := range file.Parameters {
		if p.Default == nil || p.Description == "" {
			t.Errorf("%s: got default %v, description %q, want both", name, p.Default, p.Description)
		}
	}
}

// folders are the folders of the functions' programs.
func folders(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob(root + "/functions/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("find the functions: got %d, %v", len(mains), err)
	}
	var names []string
	for _, main := range mains {
		names = append(names, filepath.Base(filepath.Dir(main)))
	}
	return names
}

// TestFunctions: there is a function for each program, each with a timeout of its own, and all of them log to one
// group.
func TestFunctions(t *testing.T) {
	t.Parallel()
	var got []string
	for id := range resourcesOfType(t, mainTemplate, "AWS::Serverless::Function") {
		got = append(got, strings.ToLower(strings.TrimSuffix(id, "Function")))
		var f struct {
			Timeout       int       `yaml:"Timeout"`
			LoggingConfig yaml.Node `yaml:"LoggingConfig"`
		}
		properties(t, mainTemplate, id, &f)
		if f.Timeout == 0 {
			t.Errorf("%s: got no Timeout, want one", id)
		}
		if !f.LoggingConfig.IsZero() {
			t.Errorf("%s: got a LoggingConfig of its own, want that of Globals", id)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(folders(t), got); diff != "" {
		t.Errorf("functions (-in functions/ +in the template):\n%s", diff)
	}
	var common struct {
		MemorySize    int               `yaml:"MemorySize"`
		LoggingConfig map[string]string `yaml:"LoggingConfig"`
	}
	file := readTemplate(t, mainTemplate)
	if err := file.Globals.Function.Decode(&common); err != nil {
		t.Fatal(err)
	}
	if common.MemorySize == 0 {
		t.Error("Globals: got no MemorySize, want one")
	}
	logging := map[string]string{"LogFormat": "JSON", "LogGroup": "FunctionLogs"}
	if diff := cmp.Diff(logging, common.LoggingConfig); diff != "" {
		t.Errorf("Globals: LoggingConfig (-want +got):\n%s", diff)
	}
}

// TestNumbersHaveReasons: each number in the properties of a resource has a comment that says why it is that number.
func TestNumbersHaveReasons(t *testing.T) {
	t.Parallel()
	file := readTemplate(t, mainTemplate)
	nodes := []yaml.Node{file.Globals.Function}
	for id := range file.Resources {
		var r yaml.Node
		properties(t, mainTemplate, id, &r)
		nodes = append(nodes, r)
	}
	for _, n := range nodes {
		for _, line := range unexplainedNumbers(&n) {
			t.Errorf("template.yaml:%d: got a number without a comment on its line or above it, want its reason", line)
		}
	}
}

// TestUnexplainedNumbers shows what TestNumbersHaveReasons accepts.
func TestUnexplainedNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{
		"A: 1":                         {1},
		"A: 1 # reason":                nil,
		"# reason\nA: 1":               nil,
		"# reason\nA: 1\nB: 2":         {3},
		"A: {B: 1} # reason":           nil,
		"# reason\nA:\n  B: 1\n  C: 2": nil,
		"A: !If [C, 1, 2]":             {1, 1},
		"A: !Select [0, !Ref L]":       nil,
		"A:\n  - B: 1\n  - 2":          {2, 3},
		"A: '1'":                       nil,
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, unexplainedNumbers(&n)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestFailuresAreHandled checks what invokes each function: a queue with a dead-letter queue, the state machine, all of
// whose tasks have a Catch (see the package statemachine_test), or a schedule with an alarm that rings when it is
// silent.
func TestFailuresAreHandled(t *testing.T) {
	t.Parallel()
	app, err := template.Load(mainTemplate, template.Options{Parameters: everything})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(app.Functions), len(folders(t)); got != want {
		t.Errorf("got %d functions, want %d", got, want)
	}
	for _, f := range app.Functions {
		handled := slices.ContainsFunc(app.Machines, func(m template.Machine) bool {
			return strings.Contains(string(m.Definition), `"`+f.ARN+`"`)
		})
		for _, source := range f.Sources {
			i := slices.IndexFunc(app.Queues, func(q template.Queue) bool { return q.ARN == source.QueueARN })
			if i < 0 {
				t.Fatalf("%s: got the event source %s, want a queue of the stack", f.Short, source.QueueARN)
			}
			q := app.Queues[i]
			if q.DeadLetterARN == "" || !source.ReportFailures {
				t.Errorf("%s reads %s: got dead-letter queue %q, failures of single messages reported %t, want both",
					f.Short, q.Name, q.DeadLetterARN, source.ReportFailures)
			}
			// Lambda refuses less. It advises six times as much, for functions that get no message while they are throttled;
			// dispatch has no concurrency of its own that could be used up.
			// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
			if q.VisibilityTimeout < f.Timeout {
				t.Errorf("%s: got visibility timeout %v, want the timeout %v of %s at least",
					q.Name, q.VisibilityTimeout, f.Timeout, f.Short)
			}
			handled = true
		}
		if len(f.Schedules) > 0 {
			// Without freshclam there are no definitions, and without counts no permits, so that uploads wait.
			want := map[string]string{"freshclam": "${Name}-definitions-silent", "dispatch": "${Name}-uploads-waiting", "canary": "${Name}-canary-stopped"}[f.Short]
			handled = false
			for _, a := range alarms(t, observabilityTemplate) {
				handled = handled || a.AlarmName == want
			}
		}
		if f.Short == "release" {
			handled = true // people invoke it, and the command prints its error
		}
		if !handled {
			t.Errorf("%s: got nothing that handles its failures", f.Short)
		}
		if f.Timeout > 15*time.Minute {
			t.Errorf("%s: got timeout %v, want 15 minutes at most, which is Lambda's limit", f.Short, f.Timeout)
		}
	}
}

// TestStackNameFitsBuckets compares the length in the template's description with S3's limit of 63 characters, in the
// region with the longest name.
func TestStackNameFitsBuckets(t *testing.T) {
	t.Parallel()
	const longestRegion = "ap-southeast-1" // 14 characters, as long as ap-northeast-1 and others
	values := strings.NewReplacer("${AWS::StackName}", "", "${AWS::AccountId}", template.Account,
		"${AWS::Region}", longestRegion)
	room := 63
	for id := range resourcesOfType(t, mainTemplate, "AWS::S3::Bucket") {
		var bucket struct {
			BucketName string `yaml:"BucketName"`
		}
		properties(t, mainTemplate, id, &bucket)
		if !strings.HasPrefix(bucket.BucketName, "${AWS::StackName}-") {
			t.Errorf("%s: got name %q, want one that begins with the stack's name", id, bucket.BucketName)
		}
		room = min(room, 63-len(values.Replace(bucket.BucketName)))
	}
	want := fmt.Sprintf("at most %d lower-case letters", room)
	for name, text := range map[string]string{
		"the description in template.yaml": readTemplate(t, mainTemplate).Description,
		"docs/deploy.md":                   readFile(t, deployPage),
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%s: got no %q, want the longest name of a stack", name, want)
		}
	}
}

// architecture returns the architecture in the template's Globals.
func architecture(t *testing.T) string {
	t.Helper()
	var common struct {
		Architectures []string `yaml:"Architectures"`
	}
	file := readTemplate(t, mainTemplate)
	if err := file.Globals.Function.Decode(&common); err != nil {
		t.Fatal(err)
	}
	if len(common.Architectures) != 1 {
		t.Fatalf("Globals: got architectures %q, want one", common.Architectures)
	}
	return common.Architectures[0]
}

// TestArchitectureIsNamedOnce: Globals names the architecture, and nothing else that is built does.
func TestArchitectureIsNamedOnce(t *testing.T) {
	t.Parallel()
	if got := architecture(t); got != "x86_64" && got != "arm64" {
		t.Errorf("Globals: got architecture %s, want x86_64 or arm64", got)
	}
	for id := range resourcesOfType(t, mainTemplate, "AWS::Serverless::Function") {
		var f map[string]any
		properties(t, mainTemplate, id, &f)
		if got, named := f["Architectures"]; named {
			t.Errorf("%s: got architectures %v, want those of Globals", id, got)
		}
	}
	files, err := filepath.Glob(root + "/functions/*/Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the Dockerfiles: got %d, %v", len(files), err)
	}
	named := regexp.MustCompile(`x86_64|amd64|arm64|aarch64`)
	for _, file := range append(files, root+"/samconfig.toml") {
		text := readFile(t, file)
		if got := named.FindString(text); got != "" || text == "" {
			t.Errorf("%s: got architecture %q in %d bytes, want none", file, got, len(text))
		}
	}
}

// TestBuiltForTheArchitecture builds a function as sam build does.
func TestBuiltForTheArchitecture(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "-C", root, "--no-print-directory", "build-NotifyFunction")
	build.Env = append(os.Environ(), "ARTIFACTS_DIR="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build-NotifyFunction: %v\n%s", err, out)
	}
	f, err := elf.Open(filepath.Join(dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture(t)]
	if f.Machine != want {
		t.Errorf("got a program for %v, want %v", f.Machine, want)
	}
}
