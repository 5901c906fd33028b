package clamav

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/excerpt"
)

// version is the version of clamd.
type version struct {
	text         string // "ClamAV 1.4.6"
	major, minor int
}

// versionWait is how long "clamd --version", which loads no definitions, may take.
const versionWait = 20 * time.Second

var versionText = regexp.MustCompile(`^ClamAV ([0-9]{1,4})\.([0-9]{1,4})[^ /]*$`)

// versionOf runs "clamd --version". The version must be known before clamd.conf is written, because
// clamd does not start with an option that it does not know. The empty configuration file is needed
// since clamd does not print its version without one.
func versionOf(binary string) (version, error) {
	ctx, cancel := context.WithTimeout(context.Background(), versionWait)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "--config-file="+os.DevNull, "--version").CombinedOutput()
	if err != nil {
		return version{}, fmt.Errorf(
			"ask clamd for its version: %w: it printed %q",
			err,
			excerpt.Cut(string(out), quoteLimit),
		)
	}
	return parseVersion(string(out))
}

// parseVersion reads "ClamAV 1.4.6/27500/Sun Nov ...". The second and third field are about a daily
// set that clamd finds in its default folder, and are ignored. Lines of warnings may come first, such
// as one about a locale that Lambda does not have.
func parseVersion(printed string) (version, error) {
	line := strings.TrimSpace(printed)
	for strings.HasPrefix(line, "WARNING: ") {
		_, line, _ = strings.Cut(line, "\n")
	}
	text, _, _ := strings.Cut(strings.TrimSpace(line), "/")
	parts := versionText.FindStringSubmatch(text)
	if parts == nil {
		return version{}, fmt.Errorf("read clamd's version: unknown text %q", excerpt.Cut(printed, quoteLimit))
	}
	major, majorErr := strconv.Atoi(parts[1])
	minor, minorErr := strconv.Atoi(parts[2])
	if majorErr != nil || minorErr != nil {
		return version{}, fmt.Errorf("read clamd's version: unknown text %q", excerpt.Cut(printed, quoteLimit))
	}
	return version{text: text, major: major, minor: minor}, nil
}

// atLeast reports whether v is this version or a newer one.
func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}
