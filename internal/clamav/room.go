package clamav

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lowWater and lowInodes must be free in the temporary folder all the time.
	lowWater  = 64 << 20
	lowInodes = 256
	// glance is how often a scan's temporary files are looked at. The states
	// looked for last much longer: a file of 2 GB is in the folder for as long
	// as it is hashed and matched, seconds at least, and a disk that is full of
	// a scan's own files stays full until the largest of them was scanned.
	glance = 25 * time.Millisecond
)

// room keeps an eye on what a scan unpacks, because libclamav hides two things
// behind an OK. A full disk: what CAB and CHM could not write is not looked at
// and not complained about. And its own size limit: a zip member that is
// longer is cut and then scanned as if it were whole. Both need gigabytes of
// temporary files at one time, which can be seen from here.
type room struct {
	dir      string
	limit    int64 // Limits.Unpacked, or less where the disk is smaller
	low      uint64
	inodes   uint64
	statfs   func(path string, buf *unix.Statfs_t) error
	interval time.Duration
}

// measureRoom fits the limit to the disk: half of what is free, so that a scan
// reaches the limit, which is a finding, before the disk is full, which is a
// failure.
func measureRoom(dir string, limit int64, threads int) (*room, error) {
	r := &room{dir: dir, limit: limit, low: lowWater, inodes: lowInodes, statfs: unix.Statfs, interval: glance}
	free, err := r.free()
	if err != nil {
		return nil, err
	}
	r.limit = min(limit, int64((free-r.low)/2)/int64(threads))
	return r, nil
}

// free returns the bytes free for temporary files, or an error if they are
// too few to trust anything that is unpacked from now on.
func (r *room) free() (uint64, error) {
	var st unix.Statfs_t
	if err := r.statfs(r.dir, &st); err != nil {
		return 0, fmt.Errorf("measure temporary folder: %w", err)
	}
	free := st.Bavail * uint64(st.Frsize)
	if free < r.low {
		return 0, fmt.Errorf("temporary folder has %d bytes free, needs %d", free, r.low)
	}
	if st.Files > 0 && st.Ffree < r.inodes { // some file systems count none
		return 0, fmt.Errorf("temporary folder has %d inodes free, needs %d", st.Ffree, r.inodes)
	}
	return free, nil
}

// errUnpacked says that a scan's temporary files reached the limit.
var errUnpacked = errors.New("temporary files reached their limit")

// watch looks until the returned function is called, which says what was seen:
// nil, errUnpacked, or an error of free.
func (r *room) watch() (seen func() error) {
	if _, err := r.free(); err != nil {
		return func() error { return err }
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = r.look(ctx) })
	return func() error {
		cancel()
		wg.Wait()
		return err
	}
}

func (r *room) look(ctx context.Context) error {
	pause := r.interval
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		began := time.Now()
		if r.used() >= r.limit {
			return errUnpacked
		}
		if _, err := r.free(); err != nil {
			return err
		}
		// Ten thousand small files take a while to count; a few large ones, which
		// this is for, do not.
		pause = max(r.interval, 8*time.Since(began))
	}
}

// used counts the bytes of temporary files, up to the limit. Files come and go
// meanwhile, so what cannot be read is not there.
func (r *room) used() int64 {
	var sum int64
	_ = filepath.WalkDir(r.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		if sum >= r.limit {
			return fs.SkipAll
		}
		return nil
	})
	return sum
}
