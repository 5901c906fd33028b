package definitions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// extensions are those that clamd loads from its folder (CLI_DBEXT in
// libclamav/readdb.h, 1.4). Left out on purpose are ".cfg", which switches
// whole parts of the engine off, and ".cud", a container that nobody signed.
var extensions = []string{
	".cat", ".cbc", ".cdb", ".cld", ".crb", ".cvd", ".db", ".fp", ".ftm", ".gdb", ".hdb", ".hdu", ".hsb", ".hsu",
	".idb", ".ign", ".ign2", ".imp", ".ioc", ".ldb", ".ldu", ".mdb", ".mdu", ".msb", ".msu", ".ndb", ".ndu", ".pdb",
	".pwdb", ".rmd", ".sdb", ".sfp", ".wdb", ".yar", ".yara", ".zmd",
}

// validName keeps out hidden files and whatever a shell or a log would
// misread; real sets use nothing else.
var validName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`)

// freshclamState is freshclam's note of its cool-down. It lives in the folder
// that freshclam fills, says nothing about signatures and changes by itself.
const freshclamState = "freshclam.dat"

// file is one database file of a staged folder.
type file struct {
	name       string
	sum        string // SHA-256, hex
	size       int64
	header     *Header // nil for a loose file
	signatures int
}

// Inspect checks a staged folder and says which generation it would become,
// with Dir being the folder itself. It refuses anything but regular files with
// names and extensions that clamd loads, and empty files, since clamd does not
// start with one. The fingerprint is over sorted names and contents and can be
// checked by hand inside a generation:
//
//	LC_ALL=C sha256sum * | sha256sum | cut -c1-32
//
// 32 digits are 128 bits: nobody finds a second set for a given fingerprint,
// and the name still fits a line of the console.
func Inspect(ctx context.Context, dir string) (Generation, error) {
	g, _, err := inspect(ctx, dir)
	return g, err
}

func inspect(ctx context.Context, dir string) (Generation, []file, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Generation{}, nil, fmt.Errorf("inspect definitions %s: %w", dir, err)
	}
	entries, err := os.ReadDir(abs) // sorted by name, in bytes
	if err != nil {
		return Generation{}, nil, fmt.Errorf("inspect definitions: %w", err)
	}
	g := Generation{Dir: abs}
	var files []file
	total := sha256.New()
	for _, e := range entries {
		if e.Name() == freshclamState || e.Name() == manifestName {
			continue
		}
		f, err := read(ctx, abs, e)
		if err != nil {
			return Generation{}, nil, fmt.Errorf("inspect definitions: %s: %w", e.Name(), err)
		}
		fmt.Fprintf(total, "%s  %s\n", f.sum, f.name)
		g.Signatures += f.signatures
		base := strings.TrimSuffix(f.name, filepath.Ext(f.name))
		if f.header != nil && base == "daily" && f.header.Version > g.Version {
			g.Version, g.Built = f.header.Version, f.header.Built
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return Generation{}, nil, fmt.Errorf("inspect definitions: no database file in %s", abs)
	}
	g.Fingerprint = hex.EncodeToString(total.Sum(nil))[:32]
	return g, files, nil
}

func read(ctx context.Context, dir string, e os.DirEntry) (file, error) {
	f := file{name: e.Name()}
	ext := filepath.Ext(f.name)
	switch {
	case !validName.MatchString(f.name):
		return f, errors.New("name not allowed")
	case !e.Type().IsRegular():
		return f, errors.New("not a regular file")
	case !slices.Contains(extensions, ext):
		return f, errors.New("extension not allowed")
	}
	src, err := os.Open(filepath.Join(dir, f.name))
	if err != nil {
		return f, err
	}
	defer src.Close()
	if ext == ".cvd" || ext == ".cld" {
		h, err := ReadHeader(io.NewSectionReader(src, 0, headerSize))
		if err != nil {
			return f, err
		}
		f.header, f.signatures = &h, h.Signatures
	}
	sum, lines := sha256.New(), &lineCounter{}
	if f.size, err = io.Copy(io.MultiWriter(sum, lines), &ctxReader{ctx, src}); err != nil {
		return f, err
	}
	if f.size == 0 {
		return f, errors.New("empty database file, with which clamd does not start")
	}
	if f.header == nil {
		f.signatures = lines.n
	}
	f.sum = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// lineCounter counts line ends, which for loose files is the number of
// signatures near enough for a person.
type lineCounter struct{ n int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// ctxReader ends a long copy when its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
