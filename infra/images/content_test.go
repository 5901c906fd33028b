//go:build images

package images

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine is an architecture as ELF names it, by the name in the template.
var machine = map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// TestArchitecture holds template, images and the programs in them equal.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`Architectures: \[(\w+)\]`).FindStringSubmatch(read(t, "template.yaml"))
	if found == nil {
		t.Fatal("the template names no architecture")
	}
	want, known := machine[found[1]]
	if !known {
		t.Fatalf("the template's architecture is %s", found[1])
	}
	for _, image := range []string{scanImage, freshclamImage} {
		if got := docker(t, "image", "inspect", "--format", "{{.Architecture}}", image); got != strings.Replace(found[1], "x86_64", "amd64", 1) {
			t.Errorf("%s is for %s, the template for %s", image, got, found[1])
		}
		for _, program := range []string{"/bootstrap", "/usr/sbin/clamd", "/usr/bin/freshclam"} {
			if got := machineOf(t, image, program); got != want {
				t.Errorf("%s in %s is for %s, the template for %s", program, image, got, want)
			}
		}
	}
}

func machineOf(t *testing.T, image, program string) elf.Machine {
	t.Helper()
	id := docker(t, "create", image)
	defer docker(t, "rm", id)
	archive, err := exec.Command("docker", "cp", id+":"+program, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(archive))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return f.Machine
}

// TestOneManifest: Lambda takes an image's manifest, neither an index of several
// nor one with attestations.
func TestOneManifest(t *testing.T) {
	t.Parallel()
	for _, image := range []string{scanImage, freshclamImage} {
		saved := filepath.Join(t.TempDir(), "image.tar")
		docker(t, "image", "save", "--output", saved, image)
		f, err := os.Open(saved)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		named := 0
		for r := tar.NewReader(f); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("read %s as saved: %v", image, err)
			}
			if h.Name != "index.json" && h.Name != "manifest.json" {
				continue
			}
			var text bytes.Buffer
			if _, err := io.Copy(&text, r); err != nil {
				t.Fatal(err)
			}
			if h.Name == "index.json" { // of the layout; older engines write none
				var layout struct {
					Manifests []struct{ MediaType string }
				}
				if err := json.Unmarshal(text.Bytes(), &layout); err != nil {
					t.Fatal(err)
				}
				for _, m := range layout.Manifests {
					if strings.Contains(m.MediaType, "index") || strings.Contains(m.MediaType, "list") {
						t.Errorf("%s is a %s, which Lambda refuses", image, m.MediaType)
					}
				}
				if len(layout.Manifests) != 1 {
					t.Errorf("%s has %d manifests, want 1: %s", image, len(layout.Manifests), text.String())
				}
			} else {
				var images []struct{ Config string }
				if err := json.Unmarshal(text.Bytes(), &images); err != nil {
					t.Fatal(err)
				}
				named = len(images)
			}
		}
		if named != 1 {
			t.Errorf("%s is saved as %d images, want 1", image, named)
		}
	}
}

// TestStart: the program itself, no shell, by an ordinary user.
func TestStart(t *testing.T) {
	t.Parallel()
	for image, user := range map[string]string{scanImage: "1000:1000", freshclamImage: "1001:1000"} {
		var got struct {
			User       string
			Entrypoint []string
			Cmd        []string
		}
		if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .Config}}", image)), &got); err != nil {
			t.Fatal(err)
		}
		if got.User != user || !slices.Equal(got.Entrypoint, []string{"/bootstrap"}) || len(got.Cmd) > 0 {
			t.Errorf("%s starts %q %q as %q", image, got.Entrypoint, got.Cmd, got.User)
		}
	}
}

// TestNotices: every package of the images has its notice in it.
func TestNotices(t *testing.T) {
	t.Parallel()
	for _, image := range []string{scanImage, freshclamImage} {
		packages := strings.Fields(run(t, image, nil, "dpkg-query", "--show", "--showformat", "${Package}\n"))
		var with []string
		for file := range strings.FieldsSeq(run(t, image, nil, "find", "-L", "/usr/share/doc", "-mindepth", "2", "-maxdepth", "2", "-name", "copyright", "-size", "+0")) {
			with = append(with, strings.Split(file, "/")[4])
		}
		without := slices.DeleteFunc(packages, func(p string) bool { return slices.Contains(with, p) })
		if diff := cmp.Diff([]string{}, without); diff != "" {
			t.Errorf("packages of %s without a notice: %s", image, diff)
		}
		for name, says := range map[string]string{"libclamav12": "GNU General Public License", "clamav-daemon": "GNU General Public License", "libclamunrar12": "UnRAR"} {
			if text := run(t, image, nil, "cat", "/usr/share/doc/"+name+"/copyright"); !strings.Contains(text, says) {
				t.Errorf("the notice of %s does not speak of %q", name, says)
			}
		}
	}
}
