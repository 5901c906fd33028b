package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestTerminal checks that keys and metadata, which uploaders choose, cause no control sequence and no change of text
// direction in anything that is printed.
func TestTerminal(t *testing.T) {
	t.Parallel()
	m := start(t, "--verbose", "--time-scale", "100")
	const key = "\x1b]0;yours\x07\u009b31m\r\n\u202e\x7f' \" $(id) `id`"
	object := m.Put(t, key, eicar.Bytes())
	if got := outcome(m.Await(t, object)).Verdict; got != job.Infected {
		t.Errorf("got verdict %q, want INFECTED", got)
	}
	outputs := map[string]string{}
	for _, arguments := range [][]string{
		{"scan", "s3://" + harness.Uploads + "/" + key},
		{"scan", "s3://" + harness.Uploads + "/" + key + "gone"},
		{"demo", "--layout", key},
	} {
		cmd := harness.Command(t, arguments...)
		cmd.Env = append(
			os.Environ(),
			"AWS_ENDPOINT_URL="+m.Endpoint,
			"AWS_ACCESS_KEY_ID=test",
			"AWS_SECRET_ACCESS_KEY=test",
			"AWS_REGION=us-east-1",
		)
		_, stdout, stderr := run(t, cmd)
		outputs["lazaret "+arguments[0]] += stdout + stderr
	}
	outputs["lazaret local"] = m.Output.String()
	files, _ := filepath.Glob(filepath.Join(m.Data, "logs", "*")) // well formed
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		outputs["cat "+file] = string(text)
	}
	for command, output := range outputs {
		for line := range strings.Lines(output) {
			if strings.ContainsFunc(
				strings.TrimSuffix(line, "\n"),
				func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' },
			) {
				t.Errorf("%s: got the line %q, want printable characters only", command, line)
			}
		}
	}
	for command, output := range outputs {
		if strings.HasPrefix(command, "lazaret") && !strings.Contains(output, "yours") {
			t.Errorf("%s: got %s, want the key in it", command, output)
		}
	}
}
