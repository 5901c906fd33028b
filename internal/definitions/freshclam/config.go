package freshclam

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"text/template"
)

// confTemplate is the freshclam.conf of a run. Settings that are not obvious:
//   - TestDatabases no: it would load each database alone in another process. The caller loads all
//     of them together into an engine before they are used. freshclam verifies signatures in any
//     case.
//   - DNSDatabaseInfo: only the official mirror announces its versions by DNS; with "no" freshclam
//     asks the mirror for its headers.
//   - DatabaseOwner: without it, freshclam as root would become the user clamav, who may not write
//     into the folder.
var confTemplate = template.Must(template.New("freshclam.conf").Parse(`DatabaseDirectory {{.Dir}}
DatabaseMirror {{.Mirror}}
DNSDatabaseInfo {{if .Official}}current.cvd.clamav.net{{else}}no{{end}}
ScriptedUpdates {{if .WholeFiles}}no{{else}}yes{{end}}
CompressLocalDatabase yes
TestDatabases no
Bytecode yes
MaxAttempts {{.Attempts}}
ConnectTimeout 30
ReceiveTimeout 60
Foreground yes
{{- if .Root}}
DatabaseOwner root
{{- end}}
`))

// render returns the freshclam.conf for dir.
func (c Config) render(dir string, root bool) ([]byte, error) {
	c.Mirror = strings.TrimSuffix(cmp.Or(c.Mirror, OfficialMirror), "/")
	c.Attempts = cmp.Or(c.Attempts, 3)
	// freshclam.conf has no escapes: a blank ends the value, and "#" begins a comment.
	for _, value := range []string{dir, c.Mirror} {
		if value == "" || strings.ContainsAny(value, " \t\r\n\"'#") {
			return nil, fmt.Errorf("write freshclam.conf: %q is empty or has a character that the format cannot express", value)
		}
	}
	if !strings.HasPrefix(c.Mirror, "https://") && !strings.HasPrefix(c.Mirror, "http://") {
		return nil, fmt.Errorf("write freshclam.conf: mirror %q is not an http or https URL", c.Mirror)
	}
	var b bytes.Buffer
	err := confTemplate.Execute(&b, struct {
		Config
		Dir            string
		Official, Root bool
	}{c, dir, c.Mirror == OfficialMirror, root})
	if err != nil {
		return nil, fmt.Errorf("write freshclam.conf: %w", err)
	}
	return b.Bytes(), nil
}
