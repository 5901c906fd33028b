package update

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/definitions"
)

const (
	// ignoredFile lists the signatures that an operator has disabled, in the format of ClamAV's .ign2. It
	// is in the root of the store.
	ignoredFile = "ignored.ign2"
	// ignoredName is the name of the list in a generation, where it is one of the own signatures.
	ignoredName = "lazaret-ignored.ign2"
)

// ignored returns the disabled signatures, in the order of the requests.
func ignored(root string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(root, ignoredFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of ignored signatures: %w", err)
	}
	return strings.Fields(string(data)), nil
}

// writeIgnored replaces the list.
func writeIgnored(root string, names []string) error {
	path := filepath.Join(root, ignoredFile)
	var err error
	if len(names) == 0 {
		err = os.Remove(path) // clamd does not start with an empty file
	} else {
		err = replaceFile(path, []byte(strings.Join(names, "\n")+"\n"))
	}
	if err != nil {
		return fmt.Errorf("write the list of ignored signatures: %w", err)
	}
	return nil
}

// ignore disables a signature because of which definitions are held back. It refuses all others:
// otherwise everybody who may invoke the function could decide what is not detected.
func (u *Updater) ignore(store *definitions.Store, signature string) error {
	h, err := store.Held()
	if err != nil && !errors.Is(err, definitions.ErrNone) {
		return err
	}
	names, err := ignored(u.Root)
	if err != nil {
		return err
	}
	switch {
	case slices.Contains(names, signature):
		return nil
	case !slices.ContainsFunc(h.Detections, func(d definitions.Detection) bool { return d.Signature == signature }):
		return fmt.Errorf("%q holds no definitions back: "+
			"write any other signature into an .ign2 file under the prefix of CustomSignatures", signature)
	case strings.ContainsAny(signature, ": \t") || strings.HasPrefix(signature, "#"):
		return fmt.Errorf("%q cannot be written into an .ign2 file", signature)
	}
	return writeIgnored(u.Root, append(names, signature))
}

// unignore enables a signature that ignore has disabled.
func (u *Updater) unignore(signature string) error {
	names, err := ignored(u.Root)
	if err != nil {
		return err
	}
	i := slices.Index(names, signature)
	if i < 0 {
		return fmt.Errorf("%q is not ignored", signature)
	}
	return writeIgnored(u.Root, slices.Delete(names, i, i+1))
}

// addIgnoreList adds the list to the files of the source, of which none may have its name.
func (u *Updater) addIgnoreList(files []OwnFile) ([]OwnFile, error) {
	for i, f := range files {
		if f.Name == ignoredName {
			files[i].Refused = "the name is reserved for the list of lazaret definitions ignore"
		}
	}
	names, err := ignored(u.Root)
	if err != nil || len(names) == 0 {
		return files, err
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return append(files, OwnFile{Name: ignoredName, ETag: fmt.Sprintf("%x", sum[:16])}), nil
}
