package refresh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Source is where own signatures come from.
type source interface {
	// List returns the files with their ETags.
	List(ctx context.Context) ([]OwnFile, error)
	Fetch(ctx context.Context, name string) ([]byte, error)
}

// detecting and allowing are the kinds of own signatures: those that find, and
// those that switch detection off.
var (
	detecting = []string{".hdb", ".hsb", ".ldb", ".ndb", ".yara"}
	allowing  = []string{".fp", ".ign2", ".sfp"}
)

// ownName is stricter than S3: the name becomes a path and a log line.
var ownName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$`)

// classify says what a file is, by its name, and refuses what cannot be used.
func classify(f OwnFile) OwnFile {
	ext := filepath.Ext(f.Name)
	f.AllowList = slices.Contains(allowing, ext)
	switch {
	case !ownName.MatchString(f.Name):
		f.Refused = "its name has other characters than letters, digits, '.', '_' and '-', or more than 100"
	case !f.AllowList && !slices.Contains(detecting, ext):
		f.Refused = fmt.Sprintf("its extension is none of %s", strings.Join(slices.Concat(detecting, allowing), " "))
	}
	return f
}

// list returns the files of the source in the order of their names.
func (u *Updater) list(ctx context.Context) ([]OwnFile, error) {
	if u.Own == nil {
		return nil, nil
	}
	files, err := u.Own.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list own signatures: %w", err)
	}
	slices.SortFunc(files, func(a, b OwnFile) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

// same reports whether the files are those of an earlier run.
func same(files, earlier []OwnFile) bool {
	return slices.EqualFunc(files, earlier, func(a, b OwnFile) bool { return a.Name == b.Name && a.ETag == b.ETag })
}

// add brings each file that loads into dir, and says of the others why not.
func (u *Updater) add(ctx context.Context, dir string, files []OwnFile) ([]OwnFile, error) {
	var own []OwnFile
	for _, f := range files {
		f = classify(f)
		if f.Refused == "" {
			content, err := u.Own.Fetch(ctx, f.Name)
			if err != nil {
				return nil, fmt.Errorf("fetch own signatures %s: %w", f.Name, err)
			}
			if f.Refused, err = u.lint(ctx, f.Name, content); err != nil {
				return nil, fmt.Errorf("check own signatures %s: %w", f.Name, err)
			}
			if f.Refused == "" {
				if err := os.WriteFile(filepath.Join(dir, f.Name), content, 0o644); err != nil {
					return nil, fmt.Errorf("stage own signatures %s: %w", f.Name, err)
				}
			}
		}
		own = append(own, f)
	}
	return own, nil
}

// lint loads one file beside a signature for the canaries and returns why it
// cannot be used, empty if it can. One that hides the canaries cannot: nothing
// would show any more that the engine works.
func (u *Updater) lint(ctx context.Context, name string, content []byte) (string, error) {
	if len(content) == 0 {
		return "it is empty", nil
	}
	dir, err := os.MkdirTemp(u.Staging, "lint-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	err = errors.Join(definitions.WriteTest(dir), os.WriteFile(filepath.Join(dir, name), content, 0o644))
	if err != nil {
		return "", err
	}
	complaints, err := u.prove(ctx, dir)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if len(complaints) > 0 {
		return reason(complaints, dir), nil
	}
	if err != nil {
		return reason([]string{err.Error()}, dir), nil
	}
	return "", nil
}

// reason shortens what libclamav said. It names the line and, uselessly, the
// folder.
func reason(complaints []string, dir string) string {
	text := strings.Join(complaints, "; ")
	for _, noise := range []string{"LibClamAV Error: ", "LibClamAV Warning: ", dir + "/"} {
		text = strings.ReplaceAll(text, noise, "")
	}
	return text[:min(len(text), 400)]
}
