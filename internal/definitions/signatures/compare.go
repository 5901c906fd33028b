package signatures

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxNew is how many signatures may be new. ClamAV adds some thousands a day. A generation with more is
// not an update of the one before but another set, and nothing of it counts as new.
const maxNew = 500_000

// ErrOtherSet: the generations have so little in common that nothing counts as new.
var ErrOtherSet = errors.New("more signatures are new than an update brings")

// Compare returns the list for the staged generation in dir, which replaces the one in old: the names
// that are in dir and not in old, and those of the list of old that are still new.
//
// Memory is 8 bytes for each name of the databases that differ in old, and the new names. Databases
// that both have are read only in dir, and only to tell a signature that moved between databases from a
// new one.
func Compare(ctx context.Context, old, dir string, now time.Time) (List, error) {
	l, err := compare(ctx, old, dir, now)
	if err != nil {
		return List{}, fmt.Errorf("find the new signatures: %w", err)
	}
	return l, nil
}

func compare(ctx context.Context, old, dir string, now time.Time) (List, error) {
	removed, added, same, err := difference(old, dir)
	if err != nil {
		return List{}, err
	}
	c := comparison{seed: maphash.MakeSeed(), candidates: map[uint64]string{}}
	if err := c.readOld(ctx, removed); err != nil {
		return List{}, err
	}
	if err := c.readNew(ctx, added); err != nil {
		return List{}, err
	}
	if err := c.readSame(ctx, same); err != nil {
		return List{}, err
	}
	l := List{Batch: Batch{FirstSeen: now.UTC()}}
	for _, name := range c.candidates {
		l.Names = append(l.Names, name)
	}
	slices.Sort(l.Names)
	before, err := Read(old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return List{}, err
	}
	for _, b := range append([]Batch{before.Batch}, before.Earlier...) {
		if len(b.Names) > 0 && now.Sub(b.FirstSeen) < NewFor {
			l.Earlier = append(l.Earlier, b)
		}
	}
	return l, nil
}

// comparison is what is known of both sets. Names are kept by their hashes: of 64 bits, so that two of
// ten million names are taken for one once in 400,000 comparisons, and then a new name counts as known.
type comparison struct {
	seed       maphash.Seed
	old        []uint64 // sorted
	candidates map[uint64]string
}

func (c *comparison) readOld(ctx context.Context, paths []string) error {
	for _, path := range paths {
		err := readNames(ctx, path, func(name []byte) { c.old = append(c.old, maphash.Bytes(c.seed, name)) })
		if err != nil {
			return err
		}
	}
	slices.Sort(c.old)
	return nil
}

func (c *comparison) readNew(ctx context.Context, paths []string) error {
	ctx, tooMany := context.WithCancelCause(ctx)
	defer tooMany(nil)
	for _, path := range paths {
		err := readNames(ctx, path, func(name []byte) {
			hash := maphash.Bytes(c.seed, name)
			if _, found := slices.BinarySearch(c.old, hash); found {
				return
			}
			if _, known := c.candidates[hash]; known {
				return
			}
			if len(c.candidates) == maxNew {
				tooMany(fmt.Errorf("%w: more than %d", ErrOtherSet, maxNew))
				return
			}
			c.candidates[hash] = string(name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readSame removes the candidates that are in databases which both sets have.
func (c *comparison) readSame(ctx context.Context, paths []string) error {
	for _, path := range paths {
		if len(c.candidates) == 0 {
			return nil
		}
		err := readNames(ctx, path, func(name []byte) { delete(c.candidates, maphash.Bytes(c.seed, name)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// difference returns the paths of the databases that only old has or has otherwise, of those that only
// dir has or has otherwise, and, in dir, of those that both have.
func difference(old, dir string) (removed, added, same []string, err error) {
	before, err := databases(old)
	if err != nil {
		return nil, nil, nil, err
	}
	after, err := databases(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range after {
		path := filepath.Join(dir, name)
		equal := false
		if slices.Contains(before, name) {
			if equal, err = equalFiles(filepath.Join(old, name), path); err != nil {
				return nil, nil, nil, err
			}
		}
		if equal {
			same = append(same, path)
			before = slices.DeleteFunc(before, func(n string) bool { return n == name })
		} else {
			added = append(added, path)
		}
	}
	for _, name := range before {
		removed = append(removed, filepath.Join(old, name))
	}
	return removed, added, same, nil
}

// databases returns the names of the files in a folder, except hidden ones.
func databases(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// equalFiles reports whether two files have the same content. For containers it compares the sizes and
// the headers, which have the version and the time of the build: the volume bills each byte.
func equalFiles(a, b string) (bool, error) {
	var files [2]*os.File
	var sizes [2]int64
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return false, err
		}
		files[i], sizes[i] = f, info.Size()
	}
	if sizes[0] != sizes[1] {
		return false, nil
	}
	length := sizes[0]
	if isContainer(a) {
		length = min(length, headerSize)
	}
	return equalContent(io.LimitReader(files[0], length), io.LimitReader(files[1], length))
}

func equalContent(a, b io.Reader) (bool, error) {
	var buffers [2][32 << 10]byte
	for {
		n, err := io.ReadFull(a, buffers[0][:])
		m, otherErr := io.ReadFull(b, buffers[1][:])
		if !bytes.Equal(buffers[0][:n], buffers[1][:m]) {
			return false, nil
		}
		if ended(err) && ended(otherErr) {
			return true, nil
		}
		if err != nil || otherErr != nil {
			return false, errors.Join(err, otherErr)
		}
	}
}

// ended reports whether io.ReadFull came to the end of a file.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
