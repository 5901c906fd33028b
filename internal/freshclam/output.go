package freshclam

import (
	"regexp"
	"strconv"
	"strings"
)

// capped keeps the first maxOutput bytes and swallows the rest.
type capped []byte

func (c *capped) Write(p []byte) (int, error) {
	*c = append(*c, p[:min(len(p), maxOutput-len(*c))]...)
	return len(p), nil
}

// says reports whether freshclam printed the text. Upper and lower case differ
// between its versions.
func (s speech) says(text string) bool {
	return strings.Contains(strings.ToLower(s.output), strings.ToLower(text))
}

// announcement is what freshclam prints about a mirror that has a newer version.
var announcement = regexp.MustCompile(`(?m)^(\w+) database available for (?:update|download) \(.*remote version: (\d+)\)`)

// announced are the newer versions that a mirror said to have. freshclam exits
// with 0 also where it did not get them.
func (s speech) announced() map[string]int {
	versions := map[string]int{}
	for _, m := range announcement.FindAllStringSubmatch(s.output, -1) {
		versions[m[1]], _ = strconv.Atoi(m[2]) // digits; too many of them are no version
	}
	return versions
}

// complaint is what freshclam gave as the reason: its first error, which names
// the cause (later ones name what follows from it), or else its first warning
// that is one.
func (s speech) complaint() string {
	warning := ""
	for line := range strings.Lines(s.output) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			return clip(text)
		}
		text, ok := strings.CutPrefix(line, "WARNING: ")
		// Both say that DNSDatabaseInfo is "no", which is what we asked for.
		if ok && warning == "" && !strings.HasPrefix(text, "Can't query no") && !strings.HasPrefix(text, "Invalid DNS reply") {
			warning = clip(text)
		}
	}
	return warning
}

// clip keeps a reason short enough for a status and free of what would disturb
// a terminal: a mirror chooses part of it.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}
