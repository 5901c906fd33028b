package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"
)

// bodies is the folder with a file for each version and each part that has any bytes. A file is written before the
// transaction that names it, and removed after the transaction that drops the name. No file is ever changed. The name
// "" stands for a body without bytes.
type bodies string

func (b bodies) path(name string) string { return filepath.Join(string(b), name[:2], name) }

// newName returns a new name and makes the folder of its file.
func (b bodies) newName() (name string, err error) {
	name = uuid.NewString()
	return name, os.MkdirAll(filepath.Dir(b.path(name)), 0o700)
}

// create writes a file and returns its name.
func (b bodies) create(fill func(io.Writer) (size int64, err error)) (name string, err error) {
	name, err = b.newName()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(b.path(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	size, err := fill(f)
	if err = errors.Join(err, f.Close()); err != nil || size == 0 {
		b.remove(name)
		name = ""
	}
	return name, err
}

// remove removes a file that no transaction names. The next start removes a file for which this fails.
func (b bodies) remove(name string) {
	if name != "" {
		_ = os.Remove(b.path(name))
	}
}

// drop removes a file when the transaction that drops its name is committed. A request that has opened it can read on.
func (b bodies) drop(tx *bbolt.Tx, name string) { tx.OnCommit(func() { b.remove(name) }) }

// body is a file that is written, and that no transaction names yet.
type body struct {
	name string
	size int64
	eTag string // its MD5, in hexadecimal
	sums sums
}

// write stores all bytes of r and computes the sums that are asked for. It returns IncompleteBody when their number is
// not the announced one, which is -1 when it is unknown.
func (b bodies) write(r io.Reader, announced int64, sums sums) (w body, err error) {
	w.sums = sums
	w.name, err = b.create(func(f io.Writer) (_ int64, err error) {
		w.size, w.eTag, err = sums.copy(f, r)
		if err == nil && announced >= 0 && w.size != announced {
			err = s3err.GetAPIError(s3err.ErrIncompleteBody)
		}
		return w.size, err
	})
	return w, err
}

func (b bodies) open(name string) (*os.File, error) { return os.Open(b.path(name)) }

// reader returns some bytes of a body.
func (b bodies) reader(name string, start, length int64) (io.ReadCloser, error) {
	if name == "" {
		return io.NopCloser(strings.NewReader("")), nil
	}
	f, err := b.open(name)
	if err != nil {
		return nil, err
	}
	return &backend.FileSectionReadCloser{R: io.NewSectionReader(f, start, length), F: f}, nil
}

// link gives a body a second name.
func (b bodies) link(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	second, err := b.newName()
	if err != nil {
		return "", err
	}
	return second, os.Link(b.path(name), b.path(second))
}

// join makes a body of the bodies of parts. Where the file system can share the bytes, io.Copy lets it.
func (b bodies) join(parts []part) (name string, err error) {
	return b.create(func(w io.Writer) (size int64, err error) {
		for _, p := range parts {
			if p.Body == "" {
				continue
			}
			from, err := b.open(p.Body)
			if err != nil {
				return size, err
			}
			n, err := io.Copy(w, from)
			if err = errors.Join(err, from.Close()); err != nil {
				return size, err
			}
			size += n
		}
		return size, nil
	})
}

// sweep removes the files that no version and no part names, which a process that was killed leaves.
func (s *buckets) sweep(ctx context.Context) error {
	named := map[string]bool{}
	var collect func(b *bbolt.Bucket) error
	collect = func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if v == nil {
				return collect(b.Bucket(k))
			}
			var r struct{ Body string }
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("read %q: %w", k, err)
			}
			named[r.Body] = true
			return nil
		})
	}
	if err := s.state.View(func(tx *bbolt.Tx) error {
		return errors.Join(collect(tx.Bucket(objectsBucket)), collect(tx.Bucket(partsBucket)))
	}); err != nil {
		return err
	}
	return filepath.WalkDir(string(s.bodies), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || named[e.Name()] {
			return errors.Join(err, ctx.Err())
		}
		return os.Remove(path)
	})
}
