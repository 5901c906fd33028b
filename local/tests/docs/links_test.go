package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`) // what an anchor lacks of its heading
	code    = regexp.MustCompile("(?s)```.*?```")
)

// anchors returns the anchors that GitHub gives the headings of a page.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		found[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// linksOf returns the links of a page that lead into this repository, pictures
// included.
func linksOf(text string) (links []string) {
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		if !strings.Contains(m[1], "://") {
			links = append(links, m[1])
		}
	}
	return links
}

// TestLinks follows every link to a page, a heading or a file of this repository.
func TestLinks(t *testing.T) {
	t.Parallel()
	count := 0
	for _, page := range pages(t) {
		for _, l := range linksOf(content(t, page)) {
			count++
			path, anchor, _ := strings.Cut(l, "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s: %v", page, l, err)
				continue
			}
			if anchor != "" && !anchors(content(t, target))[anchor] {
				t.Errorf("%s: the link %s: got no such heading in %s", page, l, target)
			}
		}
	}
	if count < 100 {
		t.Errorf("got %d links, want at least 100", count)
	}
}

// TestIndexes reads the two indexes: docs/README.md links to every page of docs,
// and docs/adr/README.md to every decision.
func TestIndexes(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"../../../docs", "../../../docs/adr"} {
		index := filepath.Join(folder, "README.md")
		listed := map[string]bool{"README.md": true}
		for _, l := range linksOf(content(t, index)) {
			path, _, _ := strings.Cut(l, "#")
			listed[path] = true
		}
		there, err := filepath.Glob(filepath.Join(folder, "*.md"))
		if err != nil || len(there) < 10 {
			t.Fatalf("got the pages %q (%v) in %s, want at least 10", there, err, folder)
		}
		for _, page := range there {
			if !listed[filepath.Base(page)] {
				t.Errorf("%s has no link to %s", index, filepath.Base(page))
			}
		}
	}
}

var (
	// named is a file or folder of the repository that a page names.
	named = regexp.MustCompile("`((?:docs|events|functions|infra|internal|local|scripts|statemachine|tools)/[\\w./-]*)`")
	// goPackage is a package that a page gives to the go command, with -C or without.
	goPackage = regexp.MustCompile("\\bgo (?:-C (\\w+) )?(?:test|run|build|install)(?: [^`]*?)? \\./([\\w/-]*\\w)")
)

// TestPathsExist looks for the files, folders and packages that the pages name.
func TestPathsExist(t *testing.T) {
	t.Parallel()
	files, packages := 0, 0
	exists := func(page, path string) {
		if _, err := os.Stat(filepath.Join("../../..", path)); err != nil {
			t.Errorf("%s names %s: %v", page, path, err)
		}
	}
	for _, page := range pages(t) {
		text := content(t, page)
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			files++
			exists(page, m[1])
		}
		for _, m := range goPackage.FindAllStringSubmatch(strings.Join(strings.Fields(text), " "), -1) {
			packages++
			path := filepath.Join(m[1], m[2])
			if sources, err := filepath.Glob(filepath.Join("../../..", path, "*.go")); err != nil || len(sources) == 0 {
				t.Errorf("%s names the package %s: got the files %q, %v, want Go code", page, path, sources, err)
			}
			if m[1] == "" && strings.HasPrefix(m[2], "local/") {
				t.Errorf("%s names the package %s without -C local: it is in the other module", page, m[2])
			}
		}
	}
	if files < 50 || packages < 5 {
		t.Errorf("got %d files and %d packages in the pages, want at least 50 and 5", files, packages)
	}
}

var (
	testName     = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
)

// TestTestsExist looks in the code of both modules for each test that a page names.
func TestTestsExist(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, folder := range []string{"functions", "internal", "local"} {
		err := filepath.WalkDir(filepath.Join("../../..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			for _, m := range testFunction.FindAllStringSubmatch(content(t, path), -1) {
				there[m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	for _, page := range pages(t) {
		for _, name := range testName.FindAllString(content(t, page), -1) {
			count++
			if !there[name] {
				t.Errorf("%s names the test %s, which does not exist", page, name)
			}
		}
	}
	if count < 30 {
		t.Errorf("got %d names of tests in the pages, want at least 30", count)
	}
}

// TestAnchor compares anchors with those that GitHub makes of the same headings.
func TestAnchor(t *testing.T) {
	t.Parallel()
	got := anchors("# One object now: `lazaret scan`\n\n```sh\n# on AWS\n```\n## What's _kept_\n")
	want := map[string]bool{"one-object-now-lazaret-scan": true, "whats-_kept_": true}
	if !maps.Equal(got, want) {
		t.Errorf("anchors() = %v, want %v", got, want)
	}
}

// widest is the longest line of prose. Tables, blocks and addresses may be longer.
const widest = 120

// TestLinesOfProse finds lines of prose that are wider than a diff shows.
func TestLinesOfProse(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		inBlock := false
		for i, line := range strings.Split(content(t, page), "\n") {
			if fence.MatchString(line) {
				inBlock = !inBlock
			}
			if inBlock || strings.HasPrefix(line, "|") || utf8.RuneCountInString(line) <= widest {
				continue
			}
			if strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s:%d: got %d columns, want at most %d", page, i+1, utf8.RuneCountInString(line), widest)
			}
		}
	}
}
