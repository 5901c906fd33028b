package unpack

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// inMemory is the size in bytes up to which a member stays in memory.
const inMemory = 4 << 20

// body is an unpacked member.
type body struct {
	small []byte   // all of it, if file is nil
	file  *os.File // nil up to inMemory bytes
	size  int64
	dir   string // for temporary files
	hash  hash.Hash
	disk  int64        // bytes that were reserved for file
	users atomic.Int32 // beside the walk: scans that are not at their end
}

// spoolAndClose is spool; it also closes r if that is an io.Closer, so that a decoder's
// memory is free before the member's own decoders take theirs.
func (w *walk) spoolAndClose(r io.Reader) (*body, error) {
	b, err := w.spool(r)
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
	return b, err
}

// spool reads r to its end. The body is never nil. The error is a refusal if r failed;
// the body has the bytes that came before.
func (w *walk) spool(r io.Reader) (*body, error) {
	b := &body{dir: w.dir, hash: sha256.New()}
	// No member may take all that is left, so that what follows a bomb is unpacked too.
	most := (w.limits.Unpacked - w.spent.Unpacked) / 2
	if most <= 0 {
		return b, exhausted(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
	}
	var page [32 << 10]byte
	for empty := 0; ; empty++ {
		n, err := recovered(r, page[:])
		if n > 0 {
			empty = 0
		} else if err == nil && empty >= maxEmptyReads {
			err = io.ErrNoProgress
		}
		w.spent.Unpacked += int64(n)
		if b.size+int64(n) > most {
			return b, TooLarge("member of more than %d bytes", most)
		}
		if err := w.write(b, page[:n]); err != nil {
			return b, err
		}
		switch {
		case bounded.Ended(err):
			return b, nil
		case err != nil:
			return b, refusalOf(err)
		case w.ctx.Err() != nil:
			return b, w.ctx.Err()
		}
	}
}

// maxEmptyReads is after how many reads without a byte and without an error, one after
// another, a reader is broken. Package bufio has the same number.
const maxEmptyReads = 100

// refusalOf is the refusal of a member whose decoder failed with err.
func refusalOf(err error) error {
	if _, ok := errors.AsType[*Refusal](err); ok {
		return err
	}
	return Damaged("%v", err)
}

// recovered reads once. A panic, which hostile bytes may cause in a decoder, is an
// error.
func recovered(r io.Reader, p []byte) (n int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			n, err = 0, fmt.Errorf("decoder failed: %v", cause)
		}
	}()
	return r.Read(p)
}

// write adds p to a body, or returns an error and leaves its bytes and sum as they are.
func (w *walk) write(b *body, p []byte) error {
	if b.file == nil && len(b.small)+len(p) <= inMemory {
		b.small = append(b.small, p...)
		b.size += int64(len(p))
		b.hash.Write(p)
		return nil
	}
	if err := w.reserve(b, int64(len(b.small)+len(p))); err != nil {
		return err
	}
	rest := p
	if b.file == nil {
		f, err := os.CreateTemp(w.dir, "unpack-")
		if err != nil {
			return fmt.Errorf("create file for a member: %w", err)
		}
		b.file = f
		if err := os.Remove(f.Name()); err != nil { // the file is there as long as it is open
			return fmt.Errorf("unlink file of a member: %w", err)
		}
		rest, b.small = append(b.small, p...), nil
	}
	if _, err := b.file.Write(rest); err != nil {
		return fmt.Errorf("write member: %w", err)
	}
	b.size += int64(len(p))
	b.hash.Write(p)
	return nil
}

// reserve takes n bytes of disk for a body. Members may fill half of what is free: the
// engine needs the other half, since it unpacks them again.
func (w *walk) reserve(b *body, n int64) error {
	if !w.measured {
		var st unix.Statfs_t
		if err := unix.Statfs(w.dir, &st); err != nil {
			return fmt.Errorf("measure disk for members: %w", err)
		}
		w.measured, w.disk = true, int64(st.Bavail)*st.Frsize/2
	}
	if w.taken.Add(n) > w.disk {
		w.taken.Add(-n)
		return TooLarge("members take more than half of the free disk")
	}
	b.disk += n
	return nil
}

func (b *body) ReadAt(p []byte, at int64) (int, error) {
	if b.file != nil {
		return b.file.ReadAt(p, at)
	}
	return bytes.NewReader(b.small).ReadAt(p, at)
}

func (b *body) sum() Sum { return Sum(b.hash.Sum(nil)) }

// descriptor is the body as a file for the engine, until done is called.
func (b *body) descriptor() (f *os.File, done func(), err error) {
	if b.file != nil {
		return b.file, func() {}, nil
	}
	if f, err = scratch.File(b.dir, b.small); err != nil {
		return nil, func() {}, err
	}
	return f, func() { f.Close() }, nil
}

// hold keeps a body for one more user, which drops it as the walk does.
func (b *body) hold() { b.users.Add(1) }

// drop ends one use of a body. The last closes its file and frees its disk.
func (w *walk) drop(b *body) {
	if b.users.Add(-1) >= 0 {
		return
	}
	if b.file != nil {
		b.file.Close()
	}
	w.taken.Add(-b.disk)
}
