//go:build images

package images_test

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
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// machine has the ELF name of each architecture, by its name in the template.
var machine = map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// TestArchitecture: the images and the programs in them are for the architecture that the template names.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	var file struct {
		Globals struct {
			Function struct {
				Architectures []string `yaml:"Architectures"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	named := file.Globals.Function.Architectures
	if len(named) != 1 || machine[named[0]] == 0 {
		t.Fatalf("template.yaml: got architectures %q, want x86_64 or arm64", named)
	}
	want := machine[named[0]]
	wantDocker := strings.Replace(named[0], "x86_64", "amd64", 1)
	for _, image := range []string{scanImage, freshclamImage} {
		if got := docker(t, "image", "inspect", "--format", "{{.Architecture}}", image); got != wantDocker {
			t.Errorf("%s: got architecture %s, want %s", image, got, wantDocker)
		}
		for _, program := range []string{"/bootstrap", "/usr/sbin/clamd", "/usr/bin/freshclam"} {
			if got := machineOf(t, image, program); got != want {
				t.Errorf("%s in %s: got a program for %s, want %s", program, image, got, want)
			}
		}
	}
}

// machineOf returns the architecture of a program in an image.
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

// TestOneManifest: Lambda accepts the manifest of one image, and no index of several manifests or one with
// attestations.
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
			if h.Name == "index.json" { // older engines write no index
				var layout struct {
					Manifests []struct{ MediaType string }
				}
				if err := json.Unmarshal(text.Bytes(), &layout); err != nil {
					t.Fatal(err)
				}
				for _, m := range layout.Manifests {
					if strings.Contains(m.MediaType, "index") || strings.Contains(m.MediaType, "list") {
						t.Errorf("%s: got a %s, want the manifest of an image", image, m.MediaType)
					}
				}
				if len(layout.Manifests) != 1 {
					t.Errorf("%s: got %d manifests, want 1: %s", image, len(layout.Manifests), text.String())
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
			t.Errorf("%s: got %d saved images, want 1", image, named)
		}
	}
}

// TestStart: an image starts the program itself, without a shell, and not as root.
func TestStart(t *testing.T) {
	t.Parallel()
	for image, user := range map[string]string{scanImage: "1000:1000", freshclamImage: "1001:1000"} {
		var got struct {
			User       string
			Entrypoint []string
			Cmd        []string
		}
		config := docker(t, "image", "inspect", "--format", "{{json .Config}}", image)
		if err := json.Unmarshal([]byte(config), &got); err != nil {
			t.Fatal(err)
		}
		if got.User != user || !slices.Equal(got.Entrypoint, []string{"/bootstrap"}) || len(got.Cmd) > 0 {
			t.Errorf("%s: got entry point %q, command %q, user %q, want /bootstrap alone as %s",
				image, got.Entrypoint, got.Cmd, got.User, user)
		}
	}
}

// TestNotices: each package in the images has its copyright notice there.
func TestNotices(t *testing.T) {
	t.Parallel()
	notices := map[string]string{
		"libclamav12": "GNU General Public License", "clamav-daemon": "GNU General Public License", "libclamunrar12": "UnRAR",
	}
	for _, image := range []string{scanImage, freshclamImage} {
		packages := strings.Fields(run(t, image, nil, "dpkg-query", "--show", "--showformat", "${Package}\n"))
		if len(packages) == 0 {
			t.Errorf("%s: got no packages, want ClamAV's at least", image)
		}
		var with []string
		for file := range strings.FieldsSeq(run(t, image, nil, "find", "-L", "/usr/share/doc",
			"-mindepth", "2", "-maxdepth", "2", "-name", "copyright", "-size", "+0")) {
			with = append(with, strings.Split(file, "/")[4])
		}
		without := slices.DeleteFunc(packages, func(p string) bool { return slices.Contains(with, p) })
		if len(without) > 0 {
			t.Errorf("%s: got no notice of %q, want one of each package", image, without)
		}
		for name, want := range notices {
			if text := run(t, image, nil, "cat", "/usr/share/doc/"+name+"/copyright"); !strings.Contains(text, want) {
				t.Errorf("%s: got a notice of %s without %q, want it", image, name, want)
			}
		}
	}
}
