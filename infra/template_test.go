package infra

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

	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestParametersAreGrouped: a parameter outside every group lands in "Other
// parameters" of the console.
func TestParametersAreGrouped(t *testing.T) {
	t.Parallel()
	var tpl struct {
		Metadata struct {
			Interface struct {
				ParameterGroups []struct {
					Parameters []string `yaml:"Parameters"`
				} `yaml:"ParameterGroups"`
			} `yaml:"AWS::CloudFormation::Interface"`
		} `yaml:"Metadata"`
		Parameters map[string]struct {
			Default     *string `yaml:"Default"`
			Description string  `yaml:"Description"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal([]byte(text(t, "../template.yaml")), &tpl); err != nil {
		t.Fatal(err)
	}
	var grouped []string
	for _, g := range tpl.Metadata.Interface.ParameterGroups {
		grouped = append(grouped, g.Parameters...)
	}
	for name, p := range tpl.Parameters {
		if !slices.Contains(grouped, name) {
			t.Errorf("%s is in no group", name)
		}
		if p.Default == nil || p.Description == "" {
			t.Errorf("%s: a default and a description let people deploy without reading", name)
		}
	}
	if len(grouped) != len(tpl.Parameters) {
		t.Errorf("%d names in groups for %d parameters", len(grouped), len(tpl.Parameters))
	}
}

// sized is what every function decides for itself, or takes from Globals.
type sized struct {
	Type       string `yaml:"Type"`
	Properties struct {
		Timeout     yaml.Node `yaml:"Timeout"`
		MemorySize  yaml.Node `yaml:"MemorySize"`
		PackageType string    `yaml:"PackageType"`
		VpcConfig   yaml.Node `yaml:"VpcConfig"`
	} `yaml:"Properties"`
}

// TestFunctionsAreSized: a timeout and a memory size are somebody's decision,
// and say why; one log group takes what they all say.
func TestFunctionsAreSized(t *testing.T) {
	t.Parallel()
	lines := strings.Split(text(t, "../template.yaml"), "\n")
	reason := func(n yaml.Node) bool { return n.Line > 0 && strings.Contains(lines[n.Line-1], " # ") }
	functions := 0
	for id, node := range resources(t, "../template.yaml") {
		var f sized
		if err := node.Decode(&f); err != nil || f.Type != "AWS::Serverless::Function" {
			continue
		}
		functions++
		if !reason(f.Properties.Timeout) {
			t.Errorf("%s: no Timeout with a reason on its line", id)
		}
		if n := f.Properties.MemorySize; n.Line > 0 && n.Tag != "!Ref" && !reason(n) { // a parameter has its reason where it is declared
			t.Errorf("%s: MemorySize %s without a reason", id, n.Value)
		}
	}
	var tpl struct {
		Globals struct {
			Function struct {
				MemorySize    yaml.Node `yaml:"MemorySize"`
				LoggingConfig struct {
					LogFormat, LogGroup yaml.Node
				} `yaml:"LoggingConfig"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
	}
	if err := yaml.Unmarshal([]byte(text(t, "../template.yaml")), &tpl); err != nil {
		t.Fatal(err)
	}
	if !reason(tpl.Globals.Function.MemorySize) {
		t.Error("Globals: no MemorySize with a reason on its line")
	}
	folders, err := filepath.Glob("../functions/*/main.go")
	if err != nil || functions != len(folders) {
		t.Errorf("%d functions in the template, %d in functions/: %v", functions, len(folders), err)
	}
	if !regexp.MustCompile(`LoggingConfig: \{LogFormat: JSON, LogGroup: !Ref FunctionLogs\}`).MatchString(text(t, "../template.yaml")) ||
		strings.Count(text(t, "../template.yaml"), "LoggingConfig:") != 1 {
		t.Error("the functions do not share one JSON log group")
	}
}

// TestFailuresHaveSomewhereToGo looks at what calls each function: a queue with
// a dead-letter queue, the state machine, whose tasks all catch (see
// statemachine), or a schedule whose silence is an alarm.
func TestFailuresHaveSomewhereToGo(t *testing.T) {
	t.Parallel()
	app, err := template.Load("../template.yaml", template.Options{Parameters: everything})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range app.Functions {
		invoked := slices.ContainsFunc(app.Machines, func(m template.Machine) bool { return strings.Contains(string(m.Definition), `"`+f.ARN+`"`) })
		for _, source := range f.Sources {
			i := slices.IndexFunc(app.Queues, func(q template.Queue) bool { return q.ARN == source.QueueARN })
			if i < 0 {
				t.Fatalf("%s reads %s, which is no queue of the stack", f.Short, source.QueueARN)
			}
			q := app.Queues[i]
			if q.DeadLetterARN == "" || !source.ReportFailures {
				t.Errorf("%s: what it can't handle of %s is lost, or holds up the rest", f.Short, q.Name)
			}
			if q.VisibilityTimeout < 6*f.Timeout { // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
				t.Errorf("%s: visibility timeout %v of %s is below six times its timeout of %v", f.Short, q.VisibilityTimeout, q.Name, f.Timeout)
			}
			invoked = true
		}
		if len(f.Schedules) > 0 {
			invoked = strings.Contains(text(t, "observability.yaml"), "definitions-silent")
		}
		if !invoked {
			t.Errorf("%s: nobody handles its failures", f.Short)
		}
		if f.Timeout > 15*time.Minute {
			t.Errorf("%s: Lambda has no timeout of %v", f.Short, f.Timeout)
		}
	}
}

// TestStackNameFitsBuckets holds the length in the template's description to
// S3's limit of 63 characters, in the region with the longest name.
func TestStackNameFitsBuckets(t *testing.T) {
	t.Parallel()
	const longestRegion = "ap-southeast-1" // 14 characters, as ap-northeast-1 and its neighbours
	room := 63
	for _, m := range regexp.MustCompile(`BucketName: !Sub '(.+)'`).FindAllStringSubmatch(text(t, "../template.yaml"), -1) {
		name := strings.NewReplacer("${AWS::StackName}", "", "${AWS::AccountId}", template.Account, "${AWS::Region}", longestRegion).Replace(m[1])
		room = min(room, 63-len(name))
	}
	if room == 63 {
		t.Fatal("no bucket is named after the stack")
	}
	want := fmt.Sprintf("at most %d lower-case letters", room)
	for _, page := range []string{"../template.yaml", "../docs/deploy.md"} {
		if !strings.Contains(strings.Join(strings.Fields(text(t, page)), " "), want) {
			t.Errorf("%s does not say that a stack's name has %s", page, want)
		}
	}
}

// TestArchitectureIsNamedOnce: Makefile and images read it, or are told it.
func TestArchitectureIsNamedOnce(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`Architectures: \[(x86_64|arm64)\]`)
	if n := len(named.FindAllString(text(t, "../template.yaml"), -1)); n != 1 {
		t.Errorf("the template names the architecture %d times", n)
	}
	other := regexp.MustCompile(`x86_64|amd64|arm64|aarch64`)
	files, err := filepath.Glob("../functions/*/Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatal("no Dockerfile:", err)
	}
	for _, file := range append(files, "../samconfig.toml") {
		if found := other.FindString(text(t, file)); found != "" {
			t.Errorf("%s names %s", file, found)
		}
	}
}

// TestBuiltForTheArchitecture builds a function as sam build does.
func TestBuiltForTheArchitecture(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "-C", "..", "--no-print-directory", "build-NotifyFunction")
	build.Env = append(os.Environ(), "ARTIFACTS_DIR="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build-NotifyFunction: %v\n%s", err, out)
	}
	f, err := elf.Open(filepath.Join(dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	named := regexp.MustCompile(`Architectures: \[(\w+)\]`).FindStringSubmatch(text(t, "../template.yaml"))
	if named == nil || f.Machine != want[named[1]] {
		t.Errorf("the template names %v, the binary is for %v", named, f.Machine)
	}
}
