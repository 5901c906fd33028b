// Package knownclean has a set of files that are known to be harmless, and scans them
// to find false positives before definitions are published. The set consists of
// documents of the kinds that people upload, which are embedded in the program, and of
// programs, libraries and texts of Debian's base system, which are in the function's
// image. The package does not use the network, and its caller decides what follows
// from a report.
package knownclean

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lazaret/lazaret/internal/scratch"
)

// maxBytes is the most bytes that all files of a set have together. In the function's
// image they have a third of it.
const maxBytes = 200 << 20

//go:embed documents
var documents embed.FS

// File is one file of a set.
type File struct {
	// Name is the path of a system's file, or documents/NAME.
	Name string
	Size int64 // bytes
	// Open opens the file, which the caller closes. An embedded file is copied to a
	// temporary file without a name in tempDir.
	Open func(tempDir string) (*os.File, error)
}

// Set is the files in the order in which Check scans them.
type Set struct {
	// Documents must all be scanned.
	Documents []File
	// System are files of the operating system, which are scanned as far as the time
	// allows.
	System []File
}

// Find returns the set of this machine: the documents, and those files of Packages
// that exist below root, which is "/" outside of tests.
func Find(root string) (Set, error) {
	s := Set{}
	entries, err := documents.ReadDir("documents")
	if err != nil {
		return Set{}, fmt.Errorf("list known-clean documents: %w", err)
	}
	total := int64(0)
	for _, e := range entries {
		f, err := document(e)
		if err != nil {
			return Set{}, err
		}
		total += f.Size
		s.Documents = append(s.Documents, f)
	}
	if s.System, err = system(root, maxBytes-total); err != nil {
		return Set{}, err
	}
	return s, nil
}

// document returns one embedded document.
func document(e fs.DirEntry) (File, error) {
	name := "documents/" + e.Name()
	content, err := documents.ReadFile(name)
	if err != nil {
		return File{}, fmt.Errorf("read known-clean document: %w", err)
	}
	open := func(tempDir string) (*os.File, error) { return scratch.File(tempDir, content) }
	return File{Name: name, Size: int64(len(content)), Open: open}, nil
}

// system returns the files of Packages below root that are regular files and have at
// most limit bytes together. Links are left out, because their targets are listed too.
func system(root string, limit int64) ([]File, error) {
	var files []File
	seen := map[string]bool{}
	for _, p := range Packages() {
		for _, pattern := range p.Files {
			paths, err := filepath.Glob(filepath.Join(root, pattern)) // sorted
			if err != nil {
				return nil, fmt.Errorf("list known-clean files of %s: %w", p.Name, err)
			}
			for _, path := range paths {
				info, err := os.Lstat(path)
				if err != nil || !info.Mode().IsRegular() || seen[path] || info.Size() > limit {
					continue
				}
				seen[path] = true
				limit -= info.Size()
				open := func(string) (*os.File, error) { return os.Open(path) }
				files = append(files, File{Name: path, Size: info.Size(), Open: open})
			}
		}
	}
	return files, nil
}

// Named returns the files of the set whose names are in names.
func (s Set) Named(names map[string]bool) Set {
	pick := func(files []File) (picked []File) {
		for _, f := range files {
			if names[f.Name] {
				picked = append(picked, f)
			}
		}
		return picked
	}
	return Set{Documents: pick(s.Documents), System: pick(s.System)}
}

// Len returns the number of files.
func (s Set) Len() int { return len(s.Documents) + len(s.System) }
