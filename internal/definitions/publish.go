package definitions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Publish makes the staged folder dir the current generation and returns it.
// The caller has loaded exactly this folder into an engine and has seen the
// canaries found. Content that is published already is not copied again; if it
// is current as well, nothing changes. Files are copied, never hard-linked,
// since a link would let whoever staged them write into the generation later.
//
// Every step is durable before the next one starts, so that a crash at any
// point leaves current as it was or complete.
func (s *Store) Publish(ctx context.Context, dir string) (Generation, error) {
	g, files, err := inspect(ctx, dir)
	if err != nil {
		return Generation{}, err
	}
	if err := s.prepare(); err != nil {
		return Generation{}, err
	}
	if s.holds(g.Fingerprint, files) {
		// Young again, or Prune could take it before it is current.
		now := time.Now()
		err = os.Chtimes(s.path(g.Fingerprint), now, now)
	} else {
		err = s.place(ctx, g, files)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("publish generation %s: %w", g.Fingerprint, err)
	}
	if err := s.flip(g.Fingerprint); err != nil {
		return Generation{}, fmt.Errorf("publish generation %s: %w", g.Fingerprint, err)
	}
	return s.generation(g.Fingerprint)
}

// prepare creates the folders, readable for the scan function, which runs as
// another user.
func (s *Store) prepare() error {
	for _, dir := range []string{s.root, filepath.Join(s.root, "generations")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create definitions store: %w", err)
		}
	}
	return syncDir(s.root)
}

// holds reports whether the generation is there with every file in its full
// size. Contents are not read again: on EFS each byte read is paid for, and
// what has its final name was hashed while it was written.
func (s *Store) holds(fingerprint string, files []file) bool {
	if _, err := s.generation(fingerprint); err != nil {
		return false
	}
	for _, f := range files {
		info, err := os.Lstat(filepath.Join(s.path(fingerprint), f.name))
		if err != nil || !info.Mode().IsRegular() || info.Size() != f.size {
			return false
		}
	}
	return true
}

// place copies the files under a temporary name and renames the whole folder.
func (s *Store) place(ctx context.Context, g Generation, files []file) error {
	parent := filepath.Join(s.root, "generations")
	tmp, err := os.MkdirTemp(parent, temporaryPrefix)
	if err != nil {
		return fmt.Errorf("create staging folder: %w", err)
	}
	defer os.RemoveAll(tmp) // after the rename there is nothing under this name
	for _, f := range files {
		if err := copyFile(ctx, filepath.Join(g.Dir, f.name), filepath.Join(tmp, f.name), f.sum); err != nil {
			return fmt.Errorf("copy %s: %w", f.name, err)
		}
	}
	manifest, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := writeFile(filepath.Join(tmp, manifestName), manifest); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	// Its files are read-only, the folder is not: whoever owns it can remove it.
	if err := errors.Join(os.Chmod(tmp, 0o755), syncDir(tmp)); err != nil {
		return fmt.Errorf("seal staging folder: %w", err)
	}
	err = os.Rename(tmp, s.path(g.Fingerprint))
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		err = s.replace(tmp, g.Fingerprint, files)
	}
	if err != nil {
		return fmt.Errorf("name generation: %w", err)
	}
	return syncDir(parent)
}

// replace is for a name that is taken: by a publisher at work in parallel,
// whose folder is as good as ours, or by a damaged folder, which is moved away
// because rename cannot replace a folder that has files.
func (s *Store) replace(tmp, fingerprint string, files []file) error {
	if s.holds(fingerprint, files) {
		return nil
	}
	aside := fmt.Sprintf("%sdamaged-%s-%d", temporaryPrefix, fingerprint, time.Now().UnixNano())
	if err := os.Rename(s.path(fingerprint), filepath.Join(s.root, "generations", aside)); err != nil {
		return fmt.Errorf("move damaged generation away: %w", err)
	}
	return os.Rename(tmp, s.path(fingerprint))
}

// copyFile copies src, which must still have the sum that it was inspected
// with, to a new read-only file that is on the disk when it returns.
func copyFile(ctx context.Context, src, dst, sum string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), &ctxReader{ctx, in})
	if err = errors.Join(err, seal(out)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("content changed while it was published: SHA-256 %s, was %s", got, sum)
	}
	return nil
}

func writeFile(dst string, data []byte) error {
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, seal(out))
}

// seal makes a file what it should be whatever the umask, and durable.
func seal(f *os.File) error {
	return errors.Join(f.Chmod(0o444), f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
