package freshclam

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/excerpt"
)

// maxReason is how many bytes of a reason are kept. A mirror chooses a part of it.
const maxReason = 300

// limitedBuffer keeps the first maxOutput bytes and drops the rest.
type limitedBuffer []byte

func (c *limitedBuffer) Write(p []byte) (int, error) {
	*c = append(*c, p[:min(len(p), maxOutput-len(*c))]...)
	return len(p), nil
}

// contains reports whether freshclam printed the text, in upper or lower case: versions of freshclam
// differ in that.
func (o freshclamOutput) contains(text string) bool {
	return strings.Contains(strings.ToLower(o.text), strings.ToLower(text))
}

// announcement matches what freshclam prints about a mirror that has a newer version.
var announcement = regexp.MustCompile(
	`(?m)^(\w+) database available for (?:update|download) \(.*remote version: (\d+)\)`)

// announcedVersions returns the newer versions that a mirror announced, by database. freshclam's exit
// code is also 0 if it did not get them.
func (o freshclamOutput) announcedVersions() map[string]int {
	versions := map[string]int{}
	for _, m := range announcement.FindAllStringSubmatch(o.text, -1) {
		versions[m[1]], _ = strconv.Atoi(m[2]) // too many digits give 0
	}
	return versions
}

// firstError returns freshclam's first error, which names the cause (later ones are its consequences),
// or else its first warning that is a reason.
func (o freshclamOutput) firstError() string {
	warning := ""
	for line := range strings.Lines(o.text) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			return excerpt.Line(text, maxReason)
		}
		text, ok := strings.CutPrefix(line, "WARNING: ")
		// Both say that DNSDatabaseInfo is "no", as confTemplate sets it.
		expected := strings.HasPrefix(text, "Can't query no") || strings.HasPrefix(text, "Invalid DNS reply")
		if ok && warning == "" && !expected {
			warning = excerpt.Line(text, maxReason)
		}
	}
	return warning
}
