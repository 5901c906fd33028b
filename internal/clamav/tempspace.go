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
	// minFreeBytes and minFreeInodes must be free in the temporary folder at any time.
	minFreeBytes  = 64 << 20
	minFreeInodes = 256
	// watchInterval is how often the temporary files of a scan are measured. What is looked for lasts much
	// longer: a file of 2 GB is in the folder while it is hashed and matched, for seconds at least, and a
	// disk that is full of a scan's own files stays full until the largest of them is scanned.
	watchInterval = 25 * time.Millisecond
)

// tempSpace measures the temporary files of a scan, because libclamav answers OK in two cases that
// show there. If the disk is full, it does not scan what CAB and CHM could not write, and prints
// nothing. If a zip member is longer than its size limit, it cuts the member and scans it as if it
// were complete. Both need gigabytes of temporary files at one time.
type tempSpace struct {
	dir       string
	limit     int64  // Limits.Unpacked, or less where the disk is smaller
	minFree   uint64 // bytes
	minInodes uint64
	statfs    func(path string, buf *unix.Statfs_t) error
	interval  time.Duration
}

// newTempSpace returns the tempSpace of dir. Its limit is at most half of what is free, so that a scan
// reaches the limit, which is a finding, before the disk is full, which is an error.
func newTempSpace(dir string, limit int64, threads int) (*tempSpace, error) {
	s := &tempSpace{
		dir: dir, limit: limit, minFree: minFreeBytes, minInodes: minFreeInodes,
		statfs: unix.Statfs, interval: watchInterval,
	}
	free, err := s.free()
	if err != nil {
		return nil, err
	}
	s.limit = min(limit, int64((free-s.minFree)/2)/int64(threads))
	return s, nil
}

// free returns the bytes that are free for temporary files, or an error if they are too few to unpack
// into.
func (s *tempSpace) free() (uint64, error) {
	var st unix.Statfs_t
	if err := s.statfs(s.dir, &st); err != nil {
		return 0, fmt.Errorf("measure the free space for temporary files: %w", err)
	}
	free := st.Bavail * uint64(st.Frsize)
	if free < s.minFree {
		return 0, fmt.Errorf("the temporary folder has %d bytes free, needs %d", free, s.minFree)
	}
	if st.Files > 0 && st.Ffree < s.minInodes { // some file systems do not count inodes
		return 0, fmt.Errorf("the temporary folder has %d inodes free, needs %d", st.Ffree, s.minInodes)
	}
	return free, nil
}

// errTempLimit: the temporary files of a scan reached the limit.
var errTempLimit = errors.New("the temporary files of the scan reached their limit")

// watch measures until stop is called. stop returns nil, errTempLimit, or an error of free.
func (s *tempSpace) watch() (stop func() error) {
	if _, err := s.free(); err != nil {
		return func() error { return err }
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = s.poll(ctx) })
	return func() error {
		cancel()
		wg.Wait()
		return err
	}
}

// poll measures until ctx ends, or until there is an error.
func (s *tempSpace) poll(ctx context.Context) error {
	pause := s.interval
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		began := time.Now()
		if s.used() >= s.limit {
			return errTempLimit
		}
		if _, err := s.free(); err != nil {
			return err
		}
		// Ten thousand small files take a while to measure. What this looks for is a few large ones.
		pause = max(s.interval, 8*time.Since(began))
	}
}

// used returns the bytes of temporary files, up to the limit. Files are created and removed meanwhile,
// so that a file that cannot be read does not count.
func (s *tempSpace) used() int64 {
	var sum int64
	_ = filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		if sum >= s.limit {
			return fs.SkipAll
		}
		return nil
	})
	return sum
}
