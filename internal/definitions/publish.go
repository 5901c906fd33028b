package definitions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// Publish makes the staged folder dir the current generation and returns it. The caller has loaded
// exactly this folder into an engine, which found the canaries. A generation with the same content is
// not copied again. A generation that was held back is so no longer. Files are copied and not
// hard-linked, because the process that staged them could write to a link later.
//
// If dir has a list of new signatures (signatures.FileName), the generation gets it. It does not count for
// the content: a generation that is there already keeps its own list.
//
// Each step is durable before the next one begins. After a crash, current names the old generation or
// the complete new one.
func (s *Store) Publish(ctx context.Context, dir string) (Generation, error) {
	g, err := s.storeGeneration(ctx, dir)
	if err != nil {
		return Generation{}, err
	}
	if err = s.clearHeld(); err == nil {
		err = s.switchCurrent(g.Fingerprint)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("publish generation %s: %w", g.Fingerprint, err)
	}
	return g, nil
}

// storeGeneration copies the staged folder dir to a complete and durable generation, to which no
// symlink points yet.
func (s *Store) storeGeneration(ctx context.Context, dir string) (Generation, error) {
	g, files, err := inspect(ctx, dir)
	if err != nil {
		return Generation{}, err
	}
	if err := s.makeFolders(); err != nil {
		return Generation{}, err
	}
	if s.isComplete(g.Fingerprint, files) {
		// A new age, so that Prune does not remove it before a symlink names it.
		now := time.Now()
		err = os.Chtimes(s.path(g.Fingerprint), now, now)
	} else {
		err = s.copyFiles(ctx, g, files)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("store generation %s: %w", g.Fingerprint, err)
	}
	return s.generation(g.Fingerprint)
}

// makeFolders creates the folders of the store. The scan function, which runs as another user, can
// read them.
func (s *Store) makeFolders() error {
	for _, dir := range []string{s.root, filepath.Join(s.root, "generations")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create definitions store: %w", err)
		}
	}
	return syncDir(s.root)
}

// isComplete reports whether the generation has each file in its full size. It does not read the
// contents: EFS charges for each byte, and a file with its final name was hashed when it was written.
func (s *Store) isComplete(fingerprint string, files []file) bool {
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

// copyFiles copies the files to a folder with a temporary name and renames the folder.
func (s *Store) copyFiles(ctx context.Context, g Generation, files []file) error {
	parent := filepath.Join(s.root, "generations")
	tmp, err := os.MkdirTemp(parent, temporaryPrefix)
	if err != nil {
		return fmt.Errorf("create staging folder: %w", err)
	}
	defer os.RemoveAll(tmp) // no error after the rename
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
	list, err := signatures.Read(g.Dir)
	if err == nil {
		err = list.Write(tmp)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The files are read-only. The folder is not, so that its owner can remove it.
	if err := errors.Join(os.Chmod(tmp, 0o755), syncDir(tmp)); err != nil {
		return fmt.Errorf("finish the staging folder: %w", err)
	}
	err = os.Rename(tmp, s.path(g.Fingerprint))
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		err = s.replaceDamaged(tmp, g.Fingerprint, files)
	}
	if err != nil {
		return fmt.Errorf("name generation: %w", err)
	}
	return syncDir(parent)
}

// replaceDamaged is for a generation whose name exists already. If it is complete, another process has
// just stored it, and it stays. If it is damaged, it is moved away first, because rename cannot
// replace a folder that has files.
func (s *Store) replaceDamaged(tmp, fingerprint string, files []file) error {
	if s.isComplete(fingerprint, files) {
		return nil
	}
	aside := fmt.Sprintf("%sdamaged-%s-%d", temporaryPrefix, fingerprint, time.Now().UnixNano())
	if err := os.Rename(s.path(fingerprint), filepath.Join(s.root, "generations", aside)); err != nil {
		return fmt.Errorf("move damaged generation away: %w", err)
	}
	return os.Rename(tmp, s.path(fingerprint))
}

// copyFile copies src to a new read-only file, which is durable when it returns. src must still have
// the SHA-256 with which it was inspected.
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
	if err = errors.Join(err, finishFile(out)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("the content changed while it was published: SHA-256 %s, before %s", got, sum)
	}
	return nil
}

// writeFile writes a new read-only file, which is durable when it returns.
func writeFile(dst string, data []byte) error {
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, finishFile(out))
}

// finishFile sets the mode whatever the umask is, makes the file durable, and closes it.
func finishFile(f *os.File) error {
	return errors.Join(f.Chmod(0o444), f.Sync(), f.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
