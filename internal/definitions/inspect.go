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

	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// SignExt is the extension of files such as daily-27826.cvd.sign, with which ClamAV verifies
// containers since 1.5.
const SignExt = ".sign"

// extensions are those that clamd loads from its folder (CLI_DBEXT in libclamav/readdb.h, 1.4), and
// SignExt. Two are left out: ".cfg", which switches off parts of the engine, and ".cud", a container
// without a signature.
var extensions = []string{
	".cat", ".cbc", ".cdb", ".cld", ".crb", ".cvd", ".db", ".fp", ".ftm", ".gdb", ".hdb", ".hdu", ".hsb", ".hsu",
	".idb", ".ign", ".ign2", ".imp", ".ioc", ".ldb", ".ldu", ".mdb", ".mdu", ".msb", ".msu", ".ndb", ".ndu", ".pdb",
	".pwdb", ".rmd", ".sdb", ".sfp", ".wdb", ".yar", ".yara", ".zmd", SignExt,
}

// validName excludes hidden files, and characters that a shell or a log would misread. ClamAV uses no
// others.
var validName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`)

// freshclamState is the file in which freshclam notes its cool-down. It is in the folder that
// freshclam updates, and is not a database.
const freshclamState = "freshclam.dat"

// file is one database file of a staged folder.
type file struct {
	name       string
	sum        string // SHA-256, hex
	size       int64
	header     *Header // nil if it is not a container
	signatures int
}

// Inspect checks a staged folder and returns the generation that it would become, with Dir being the
// folder itself. The folder may only have regular files with names and extensions that clamd loads. An
// empty file is an error, because clamd does not start with one. The fingerprint is computed from the
// sorted names and the contents. Inside a generation this command prints it:
//
//	LC_ALL=C sha256sum * | sha256sum | cut -c1-32
//
// 32 digits are 128 bits: it is not feasible to make another set with the same fingerprint.
func Inspect(ctx context.Context, dir string) (Generation, error) {
	g, _, err := inspect(ctx, dir)
	return g, err
}

// inspect is Inspect, and also returns the files.
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
		if e.Name() == freshclamState || e.Name() == manifestName || e.Name() == signatures.FileName {
			continue
		}
		f, err := inspectFile(ctx, abs, e)
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

// inspectFile reads one database file, and computes its hash.
func inspectFile(ctx context.Context, dir string, e os.DirEntry) (file, error) {
	f := file{name: e.Name()}
	ext := filepath.Ext(f.name)
	switch {
	case !validName.MatchString(f.name):
		return f, errors.New("the name is not allowed")
	case !e.Type().IsRegular():
		return f, errors.New("it is not a regular file")
	case !slices.Contains(extensions, ext):
		return f, errors.New("the extension is not allowed")
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
	if f.header == nil && ext != SignExt {
		f.signatures = lines.n
	}
	f.sum = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// lineCounter counts lines, which in loose files is about the number of signatures.
type lineCounter struct{ n int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// ctxReader returns an error when its context ends, to end a long copy.
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
