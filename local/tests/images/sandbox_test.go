//go:build images

package images_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/sandbox"
)

// TestFilterIsInForce: the filter of system calls that start uses refuses fallocate in each image, which works without
// the filter. Otherwise the other tests would not show that the functions work with the filter.
func TestFilterIsInForce(t *testing.T) {
	t.Parallel()
	profile, err := sandbox.Profile()
	if err != nil {
		t.Fatal(err)
	}
	filter := filepath.Join(t.TempDir(), "seccomp.json")
	if err := os.WriteFile(filter, profile, 0o600); err != nil {
		t.Fatal(err)
	}
	allocate := []string{"fallocate", "--length", "4096", "/tmp/x"}
	for _, image := range []string{scanImage, freshclamImage} {
		command := slices.Concat(
			[]string{"run", "--rm", "--network", "none", "--entrypoint", allocate[0]},
			[]string{"--security-opt", "no-new-privileges", "--security-opt", "seccomp=" + filter, image},
			allocate[1:],
		)
		if _, err := try(command...); err == nil || !strings.Contains(err.Error(), "Operation not permitted") {
			t.Errorf("%s: fallocate with the filter: got %v, want Operation not permitted", image, err)
		}
		run(t, image, nil, allocate...)
	}
}

// TestHome: HOME is /tmp, because Lambda sets no HOME and no other folder is writable.
func TestHome(t *testing.T) {
	t.Parallel()
	for _, image := range []string{scanImage, freshclamImage} {
		if got := run(t, image, nil, "printenv", "HOME"); got != "/tmp" {
			t.Errorf("%s: got HOME %q, want /tmp", image, got)
		}
	}
}
