package images_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the repository's root.
const root = "../../../"

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(root + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instructions returns the instructions of a function's Dockerfile, each as one line, without comments.
func instructions(t *testing.T, function string) string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "functions/"+function+"/Dockerfile"), "")
	text = regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(text, " ")
	if strings.Count(text, "\nFROM ") != 2 {
		t.Fatalf("functions/%s/Dockerfile: got %d stages, want 2", function, strings.Count(text, "\nFROM "))
	}
	return text
}

// TestDockerfilesShareTheirLayers: the images differ only in the program and the user, so that the layers that both
// need are pushed and pulled once.
func TestDockerfilesShareTheirLayers(t *testing.T) {
	t.Parallel()
	common := map[string]string{}
	for function, user := range map[string]string{"scan": "1000", "freshclam": "1001"} {
		text := instructions(t, function)
		for _, own := range []string{
			"COPY --from=build /bootstraps/" + function + " /bootstrap\n",
			"USER " + user + ":1000\n",
		} {
			if strings.Count(text, own) != 1 {
				t.Errorf("functions/%s/Dockerfile: got %d of %q, want 1", function, strings.Count(text, own), own)
			}
			text = strings.Replace(text, own, "", 1)
		}
		common[function] = text
	}
	if diff := cmp.Diff(common["scan"], common["freshclam"]); diff != "" {
		t.Errorf("Dockerfiles apart from program and user (-scan +freshclam):\n%s", diff)
	}
}

// TestImagesAreBuiltLikeZips: the Dockerfiles compile with the flags of the Makefile.
func TestImagesAreBuiltLikeZips(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^GO_BUILD +:= (.*go build.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if found == nil {
		t.Fatal("Makefile: got no GO_BUILD, want the command that builds a function")
	}
	for _, function := range []string{"scan", "freshclam"} {
		if text := instructions(t, function); !strings.Contains(text, "RUN "+found[1]+" -o ") {
			t.Errorf("functions/%s/Dockerfile: got\n%s\nwant RUN %s", function, text, found[1])
		}
	}
}

// TestImagesNameNoArchitecture: only the template names the architecture.
func TestImagesNameNoArchitecture(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"scan", "freshclam"} {
		text := instructions(t, function)
		if got := regexp.MustCompile(`GOARCH|amd64|x86_64|arm64|aarch64`).FindString(text); got != "" {
			t.Errorf("functions/%s/Dockerfile: got %s, want no architecture", function, got)
		}
	}
}
