package update

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
	"github.com/lazaret/lazaret/internal/excerpt"
)

// source is where own signatures come from.
type source interface {
	// List returns the files with their ETags.
	List(ctx context.Context) ([]OwnFile, error)
	// Fetch returns the content of one of them.
	Fetch(ctx context.Context, name string) ([]byte, error)
}

// detecting and allowing are the extensions of own signatures: those that detect, and those that
// disable detection.
var (
	detecting = []string{".hdb", ".hsb", ".ldb", ".ndb", ".yara"}
	allowing  = []string{".fp", ".ign2", ".sfp"}
)

// ownName is stricter than S3, because the name becomes a path and is logged.
var ownName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$`)

// classifyOwnFile sets AllowList and, for a file that cannot be used, Refused, both by the name of the
// file.
func classifyOwnFile(f OwnFile) OwnFile {
	ext := filepath.Ext(f.Name)
	f.AllowList = slices.Contains(allowing, ext)
	switch {
	case !ownName.MatchString(f.Name):
		f.Refused = "the name has other characters than letters, digits, '.', '_' and '-', or more than 100"
	case !f.AllowList && !slices.Contains(detecting, ext):
		f.Refused = fmt.Sprintf("the extension is none of %s", strings.Join(slices.Concat(detecting, allowing), " "))
	}
	return f
}

// listOwnFiles returns the files of the source and the list of ignored signatures, sorted by name.
func (u *Updater) listOwnFiles(ctx context.Context) (files []OwnFile, err error) {
	if u.OwnSource != nil {
		if files, err = u.OwnSource.List(ctx); err != nil {
			return nil, fmt.Errorf("list own signatures: %w", err)
		}
	}
	if files, err = u.addIgnoreList(files); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b OwnFile) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

// sameFiles reports whether the files are those of an earlier run.
func sameFiles(files, earlier []OwnFile) bool {
	return slices.EqualFunc(files, earlier, func(a, b OwnFile) bool { return a.Name == b.Name && a.ETag == b.ETag })
}

// addOwnFiles writes each file that loads into dir, and says in Refused why the others do not.
func (u *Updater) addOwnFiles(ctx context.Context, dir string, files []OwnFile) ([]OwnFile, error) {
	var own []OwnFile
	for _, f := range files {
		f = classifyOwnFile(f)
		if f.Refused == "" {
			content, err := u.fetchOwnFile(ctx, f.Name)
			if err != nil {
				return nil, fmt.Errorf("fetch own signatures %s: %w", f.Name, err)
			}
			if f.Refused, err = u.checkOwnFile(ctx, f.Name, content); err != nil {
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

// fetchOwnFile returns the content of a file.
func (u *Updater) fetchOwnFile(ctx context.Context, name string) ([]byte, error) {
	if name == ignoredName {
		return os.ReadFile(filepath.Join(u.Root, ignoredFile))
	}
	return u.OwnSource.Fetch(ctx, name)
}

// checkOwnFile loads one file together with a signature for the canaries, and returns why it cannot be
// used, "" if it can. A file that hides the canaries cannot be used, because they show that the engine
// works.
func (u *Updater) checkOwnFile(ctx context.Context, name string, content []byte) (string, error) {
	if len(content) == 0 {
		return "the file is empty", nil
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
	warnings, err := u.prove(ctx, dir, nil)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if len(warnings) > 0 {
		return explain(warnings, dir), nil
	}
	if err != nil {
		return explain([]string{err.Error()}, dir), nil
	}
	return "", nil
}

// explain shortens what libclamav printed, and removes the name of the temporary folder.
func explain(messages []string, dir string) string {
	text := strings.Join(messages, "; ")
	for _, s := range []string{"LibClamAV Error: ", "LibClamAV Warning: ", dir + "/"} {
		text = strings.ReplaceAll(text, s, "")
	}
	return excerpt.Cut(text, 400)
}
