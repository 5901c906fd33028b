package images

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDockerfilesShareTheirLayers: the images differ in nothing but the
// program, the user and the comments, so that what is pushed and pulled twice is
// those few megabytes.
func TestDockerfilesShareTheirLayers(t *testing.T) {
	t.Parallel()
	neutral := func(name, user string) string {
		text := strings.ReplaceAll(read(t, "functions/"+name+"/Dockerfile"), "USER "+user+":1000", "USER")
		text = strings.Replace(text, "/bootstraps/"+name+" ", "/bootstraps/ ", 1)
		return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	}
	scan, freshclam := neutral("scan", "1000"), neutral("freshclam", "1001")
	if scan != freshclam {
		t.Errorf("beside program and user the Dockerfiles differ:\n%s\n--- and\n%s", scan, freshclam)
	}
	if strings.Contains(scan, "USER 1") {
		t.Error("a user is none of the access points'")
	}
}

// TestImagesAreBuiltLikeZips holds the flags of the compiler equal.
func TestImagesAreBuiltLikeZips(t *testing.T) {
	t.Parallel()
	_, line, ok := strings.Cut(read(t, "Makefile"), "GO_BUILD  := ")
	line, _, _ = strings.Cut(line, "\n")
	if !ok || !strings.Contains(line, "go build") {
		t.Fatal("the Makefile has no GO_BUILD")
	}
	for _, name := range []string{"scan", "freshclam"} {
		if text := read(t, "functions/"+name+"/Dockerfile"); !strings.Contains(text, "RUN "+line+" -o ") {
			t.Errorf("the image of %s is not built with %q", name, line)
		}
	}
}

// TestImagesNameNoArchitecture: the template does, once.
func TestImagesNameNoArchitecture(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"scan", "freshclam"} {
		if found := regexp.MustCompile(`GOARCH|amd64|x86_64|arm64|aarch64`).FindString(read(t, "functions/"+name+"/Dockerfile")); found != "" {
			t.Errorf("the Dockerfile of %s says %s", name, found)
		}
	}
}
