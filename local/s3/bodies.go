package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"
)

// bodies is the folder with one file for each version and part that has any
// bytes. A file is there before the transaction that names it, and goes after the
// one that does not name it any more.
type bodies string

func (b bodies) path(name string) string {
	return filepath.Join(string(b), name[:2], name)
}

// newPath makes a name and the folder that its file goes to.
func (b bodies) newPath() (name, path string, err error) {
	name = uuid.NewString()
	path = b.path(name)
	return name, path, os.MkdirAll(filepath.Dir(path), 0o700)
}

// make writes a file and returns its name, "" without bytes.
func (b bodies) make(fill func(io.Writer) (size int64, err error)) (name string, err error) {
	name, path, err := b.newPath()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
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

// remove removes a file that no transaction names. What stays is swept at the next start.
func (b bodies) remove(name string) {
	if name != "" {
		_ = os.Remove(b.path(name))
	}
}

// drop removes a file once the transaction that forgets it is committed. Who has
// it open reads on.
func (b bodies) drop(tx *bbolt.Tx, name string) {
	tx.OnCommit(func() { b.remove(name) })
}

// body is a file that is written and named by no transaction yet.
type body struct {
	name string // "" without bytes
	size int64
	eTag string // its MD5, in hexadecimal
	sums sums
}

// write stores all that r has, with the sums that it is asked for. It returns
// IncompleteBody when that is not as much as the client announced, -1 for unknown.
func (b bodies) write(r io.Reader, announced int64, sums sums) (w body, err error) {
	w.sums = sums
	w.name, err = b.make(func(f io.Writer) (_ int64, err error) {
		w.size, w.eTag, err = sums.copy(f, r)
		if err == nil && announced >= 0 && w.size != announced {
			err = s3err.GetAPIError(s3err.ErrIncompleteBody)
		}
		return w.size, err
	})
	return w, err
}

// open opens a body for reading.
func (b bodies) open(name string) (*os.File, error) { return os.Open(b.path(name)) }

// link gives a body a second name. Both share the bytes, which nobody changes.
func (b bodies) link(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	second, path, err := b.newPath()
	if err != nil {
		return "", err
	}
	return second, os.Link(b.path(name), path)
}

// join makes a body of parts. It copies within the disk where the file system can.
func (b bodies) join(parts []part) (name string, err error) {
	return b.make(func(w io.Writer) (size int64, err error) {
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

// sweep removes the files that no version and no part names: those of uploads
// that a killed process did not finish.
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
