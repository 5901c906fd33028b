package infra_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// TestSamconfigNamesEachParameter holds the parameters in samconfig.toml, which are comments there, to the defaults of
// template.yaml.
func TestSamconfigNamesEachParameter(t *testing.T) {
	t.Parallel()
	app, err := template.Load(mainTemplate, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	line := regexp.MustCompile(`(?m)^#   '(\w+)="(.*)"',$`)
	for _, match := range line.FindAllStringSubmatch(readFile(t, root+"/samconfig.toml"), -1) {
		got[match[1]] = match[2]
	}
	if diff := cmp.Diff(app.Parameters, got); diff != "" {
		t.Errorf("parameters in samconfig.toml (-template.yaml +samconfig.toml):\n%s", diff)
	}
}
