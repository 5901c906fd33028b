//go:build images

package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/sandbox"
)

// TestFilterIsInForce runs programs of each image under the filter that start puts
// on its functions, so that the other tests mean what they say: unshare and
// fallocate (util-linux) are refused, and without the filter they are not.
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
		command := append([]string{"run", "--rm", "--network", "none", "--entrypoint", allocate[0], "--security-opt", "no-new-privileges"},
			append([]string{"--security-opt", "seccomp=" + filter, image}, allocate[1:]...)...)
		if _, err := try(command...); err == nil || !strings.Contains(err.Error(), "Operation not permitted") {
			t.Errorf("%s: fallocate under the filter: %v, want it refused", image, err)
		}
		run(t, image, nil, allocate...)
	}
}

// TestHome: Lambda names none, and a program that looks for one must find /tmp.
func TestHome(t *testing.T) {
	t.Parallel()
	for _, image := range []string{scanImage, freshclamImage} {
		if got := run(t, image, nil, "printenv", "HOME"); got != "/tmp" {
			t.Errorf("%s: HOME is %q, want /tmp", image, got)
		}
	}
}
