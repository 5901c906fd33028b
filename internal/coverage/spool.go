package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
)

// inMemory is how much of a member stays in memory; longer ones go to a file.
const inMemory = 4 << 20

// body is an unpacked member. f is nil while it is small.
type body struct {
	small []byte
	f     *os.File
	size  int64
}

// spool reads r to its end. The body is never nil; the error is a refusal when
// r failed, with what came before it in the body.
func (w *walk) spool(r io.Reader) (*body, error) {
	b := &body{}
	var page [32 << 10]byte
	for {
		n, err := recovered(r, page[:])
		if w.bytes += int64(n); w.bytes > w.limits.Unpacked {
			return b, exceeded(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
		}
		if wrong := b.write(w.dir, page[:n]); wrong != nil {
			return b, wrong
		}
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, unreadable(err)
		case w.ctx.Err() != nil:
			return b, w.ctx.Err()
		}
	}
}

// unreadable is what a decoder's error says about its input.
func unreadable(err error) error {
	if _, ok := errors.AsType[*refusal](err); ok {
		return err
	}
	return damaged("%v", err)
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

func (b *body) write(dir string, p []byte) error {
	if b.f == nil && len(b.small)+len(p) > inMemory {
		f, err := os.CreateTemp(dir, "coverage-")
		if err != nil {
			return fmt.Errorf("create file for a member: %w", err)
		}
		b.f = f
		if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
			return fmt.Errorf("unlink file of a member: %w", err)
		}
		if _, err := f.Write(b.small); err != nil {
			return fmt.Errorf("write member: %w", err)
		}
		b.small = nil
	}
	b.size += int64(len(p))
	if b.f == nil {
		b.small = append(b.small, p...)
		return nil
	}
	if _, err := b.f.Write(p); err != nil {
		return fmt.Errorf("write member: %w", err)
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
	fd, err := unix.MemfdCreate("lazaret-member", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "member")
	if _, err := f.Write(b.small); err != nil {
		return nil, errors.Join(fmt.Errorf("write file in memory: %w", err), f.Close())
	}
	return f, nil
}

func (b *body) done(f *os.File) {
	if f != b.f {
		f.Close()
	}
}

func (b *body) close() {
	if b.f != nil {
		b.f.Close()
	}
}
