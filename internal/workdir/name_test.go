package workdir

import (
	"errors"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 80)
	for name, want := range map[string]bool{
		"a": true, "Report-1_0123456789abcdef": true, "a.2": true, "a.9": true, long: true, long + ".3": true, "2": true,
		"a.express-0123456789abcdef": true, "a.express-0123456789abcdef.2": true, "a.express-0123456789abcde": false,
		"": false, ".": false, ".2": false, "a.": false, "a.1": false, "a.0": false, "a.10": false, "a.2.2": false,
		"a.x": false, long + "x": false, long + "x.2": false, "a/b": false, "..": false, "../a": false, "a\x00": false,
		"a b": false, "ä": false, "a.part": false, "a.scan1": false, "a\n": false, "a.２": false,
	} {
		err := checkName(name)
		if (err == nil) != want || err != nil && !errors.Is(err, job.ErrBadJob) {
			t.Errorf("checkName(%q) = %v, want it valid: %t", name, err, want)
		}
	}
}
