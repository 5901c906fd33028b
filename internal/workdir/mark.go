package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Mark says that a scan of a work file is running. End it with Release or Keep.
type Mark struct {
	// Unfinished is how many scans of the file ended without Release before this one, at most 2: the
	// engine ended, which Keep records, or the whole environment did.
	Unfinished int

	dir  *Dir
	name string
	file *os.File
	made bool // whether it has a name on the volume
}

// Mark records that a scan of the work file begins; f is the open work file. There are at most two
// marks.
//
// A mark is a second name (a hard link) of the work file, which takes one request to the volume where
// a new file takes two. ext4 also skips recently freed inodes one by one, which takes longer than the
// scan of a small file when there are many.
//
// A mark does not tell whether its scan has ended or is still running: if an answer is lost, the state
// machine tries again while the first scan runs. Therefore each scan holds a read lock on the work
// file, which ends with its process, and one mark is not counted while another scan holds such a lock.
// No verdict depends on the lock alone: if NFS loses it, or keeps it on one machine, a running scan
// counts as ended, and a file may be UNSCANNABLE (engine-crash) too early, but never CLEAN.
func (d *Dir) Mark(name string, f *os.File) (*Mark, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	m := &Mark{dir: d, name: name, file: f}
	// Lock before the link, so that no other scan sees the mark without the lock.
	if err := m.lock(unix.F_RDLCK); err != nil {
		return nil, err
	}
	if err := d.inFolder(name, m.link); err != nil {
		return nil, errors.Join(fmt.Errorf("mark work file %s: %w", name, classifyRead(err)), m.lock(unix.F_UNLCK))
	}
	if m.Unfinished == 0 {
		return m, nil
	}
	other, err := m.otherScanRuns()
	if err != nil {
		return nil, errors.Join(err, m.Release())
	}
	if other {
		m.Unfinished--
	}
	return m, nil
}

// link gives the mark the first free name.
func (m *Mark) link(root *os.Root) error {
	m.Unfinished = 0
	for n := 1; n <= 2; n++ {
		err := root.Link(m.name, markName(m.name, n))
		if errors.Is(err, fs.ErrExist) {
			m.Unfinished = n
			continue
		}
		m.made = err == nil
		return err
	}
	return nil
}

// Keep ends the scan and leaves the mark on the volume, because the engine ended
// during the scan.
func (m *Mark) Keep() error {
	// Closing the file is not enough to unlock it: the engine may have it open for a
	// moment longer than the scan takes.
	return m.lock(unix.F_UNLCK)
}

// Release ends the scan and removes the newest mark of the file, whoever made it:
// marks are only counted. It is no error if the marks were removed with the folder.
func (m *Mark) Release() error {
	err := m.lock(unix.F_UNLCK)
	if !m.made {
		return err
	}
	newest := 2
	if Marks(m.file) == 1 {
		newest = 1 // a name that does not exist takes a request to the volume, too
	}
	removed := m.dir.inFolder(m.name, func(root *os.Root) error {
		for n := newest; n >= 1; n-- {
			if err := root.Remove(markName(m.name, n)); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	if removed != nil {
		err = errors.Join(err, fmt.Errorf("unmark work file %s: %w", m.name, classifyWrite(removed)))
	}
	return err
}

// Marks returns how many marks an open work file has, by its number of names. It returns 2, the most
// there are, if that cannot be told. NFS may show a number that is some seconds old: then a mark stays
// until freshclam removes old files.
func Marks(f *os.File) int {
	info, err := f.Stat()
	if err != nil {
		return 2
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 2
	}
	return min(2, max(0, int(stat.Nlink)-1))
}

// lock sets or releases the lock of this open file. The lock belongs to the file description, so that
// two scans in one process have two locks; NFS supports it.
func (m *Mark) lock(kind int16) error {
	return m.fcntl(unix.F_OFD_SETLK, &unix.Flock_t{Type: kind})
}

// otherScanRuns reports whether another scan holds its read lock, because of which a write lock would
// be refused.
func (m *Mark) otherScanRuns() (bool, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	err := m.fcntl(unix.F_OFD_GETLK, &l)
	return l.Type != unix.F_UNLCK, err
}

// fcntl calls fcntl(2) with a lock.
func (m *Mark) fcntl(command int, l *unix.Flock_t) error {
	conn, err := m.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("lock work file %s: %w", m.name, err)
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.FcntlFlock(fd, command, l) }); err != nil {
		return fmt.Errorf("lock work file %s: %w", m.name, err)
	}
	if failed != nil {
		return fmt.Errorf("lock work file %s: %w", m.name, Transient(failed))
	}
	return nil
}

// markName returns the name of mark number n. No work file has a name with such an ending.
func markName(name string, n int) string {
	return name + ".scan" + strconv.Itoa(n)
}
