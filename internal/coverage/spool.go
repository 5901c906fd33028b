package coverage

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/scratch"
)

// inMemory is how much of a member stays in memory; longer ones go to a file.
const inMemory = 4 << 20

// body is an unpacked member. f is nil while it is small.
type body struct {
	small []byte
	f     *os.File
	size  int64
	dir   string // for file
}

// spool reads r to its end. The body is never nil; the error is a refusal when
// r failed, with what came before it in the body.
func (w *walk) spool(r io.Reader) (*body, error) {
	b := &body{dir: w.dir}
	var page [32 << 10]byte
	for {
		n, err := recovered(r, page[:])
		if w.bytes += int64(n); w.bytes > w.limits.Unpacked {
			return b, exceeded(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
		}
		if wrong := w.write(b, page[:n]); wrong != nil {
			return b, wrong
		}
		switch {
		case ended(err):
			return b, nil
		case err != nil:
			return b, unreadable(err)
		case w.ctx.Err() != nil:
			return b, w.ctx.Err()
		}
	}
}

// ended reports an orderly end. An error that only wraps io.EOF is a decoder's
// complaint that its input ended.
func ended(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// unreadable is what a decoder's error says about its input.
func unreadable(err error) error {
	if _, ok := errors.AsType[*refusal](err); ok {
		return err
	}
	return &refusal{reason: job.Damaged, detail: err.Error(), follows: trailing(err)}
}

// trailing are the errors by which decoders that expect another stream say that
// something else follows one that was whole.
func trailing(err error) bool {
	return errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, lz4.ErrInvalidFrame) ||
		errors.Is(err, bzip2.StructuralError("bad magic value")) || errors.Is(err, bzip2.StructuralError("bad magic value in continuation file")) ||
		errors.Is(err, xz.ErrFormat)
}

// recovered reads once. A decoder that panics on hostile bytes is a decoder
// that cannot read them.
func recovered(r io.Reader, p []byte) (n int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			n, err = 0, fmt.Errorf("decoder gave up: %v", cause)
		}
	}()
	return r.Read(p)
}

// write adds to a body, in a file once it is large.
func (w *walk) write(b *body, p []byte) error {
	if b.f == nil && len(b.small)+len(p) <= inMemory {
		b.small = append(b.small, p...)
		b.size += int64(len(p))
		return nil
	}
	if err := w.reserve(int64(len(b.small) + len(p))); err != nil {
		return err
	}
	if b.f == nil {
		f, err := os.CreateTemp(w.dir, "coverage-")
		if err != nil {
			return fmt.Errorf("create file for a member: %w", err)
		}
		b.f = f
		if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
			return fmt.Errorf("unlink file of a member: %w", err)
		}
		p, b.small, b.size = append(b.small, p...), nil, 0
	}
	if _, err := b.f.Write(p); err != nil {
		return fmt.Errorf("write member: %w", err)
	}
	b.size += int64(len(p))
	return nil
}

// reserve takes from the half of the free disk that members may fill. The other
// half is the engine's, which unpacks them again.
func (w *walk) reserve(n int64) error {
	if !w.onDisk {
		var st unix.Statfs_t
		if err := unix.Statfs(w.dir, &st); err != nil {
			return fmt.Errorf("measure disk for members: %w", err)
		}
		w.onDisk, w.disk = true, int64(st.Bavail)*st.Frsize/2
	}
	if w.disk -= n; w.disk < 0 {
		return exceeded(job.LimitSize, "members take more than half of the disk")
	}
	return nil
}

func (b *body) ReadAt(p []byte, at int64) (int, error) {
	if b.f != nil {
		return b.f.ReadAt(p, at)
	}
	return bytes.NewReader(b.small).ReadAt(p, at)
}

// file is the body as a descriptor for the engine, to be given back with done.
func (b *body) file() (*os.File, error) {
	if b.f != nil {
		return b.f, nil
	}
	return scratch.File(b.dir, b.small)
}

func (b *body) done(f *os.File) {
	if f != b.f {
		f.Close()
	}
}

// drop ends a body and gives its room back.
func (w *walk) drop(b *body) {
	if b.f != nil {
		b.f.Close()
		w.disk += b.size
	}
}
