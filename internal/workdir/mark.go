package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Mark is the note that a scan of a work file is under way. End it with Release.
type Mark struct {
	// Unfinished is how many scans before this one are sure to have ended
	// without a word: a file that kills the engine, or the whole environment,
	// leaves its mark. 2 is the most that is counted.
	Unfinished int

	dir  *Dir
	name string
	file *os.File
	made bool // has a name on the volume
}

// Mark notes that a scan of the work file, which f is open on, is about to
// begin. A third mark is never made.
//
// A mark is a second name of the work file, one request to the volume where a
// file of its own takes two; ext4 also skips inodes that were freed lately, one
// by one, which costs more than a small file's scan when many are.
//
// A mark alone does not tell a scan that died from one that goes on: the state
// machine tries again when an answer is lost on its way, while the function that
// gave it still runs. So each scan holds a lock for reading on the work file,
// which ends with its process, and one mark is not counted while another scan
// holds such a lock. No verdict rests on the lock: where NFS loses it, or keeps it
// on one machine, a scan that goes on counts as one that died, and a file may be
// called UNSCANNABLE (engine-crash) too early, never CLEAN.
func (d *Dir) Mark(name string, f *os.File) (*Mark, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	m := &Mark{dir: d, name: name, file: f}
	// Before the mark, so that nobody sees a mark of ours without the lock.
	if err := m.lock(unix.F_RDLCK); err != nil {
		return nil, err
	}
	if err := d.in(name, m.make); err != nil {
		return nil, errors.Join(fmt.Errorf("mark work file %s: %w", name, classify(err)), m.lock(unix.F_UNLCK))
	}
	if m.Unfinished == 0 {
		return m, nil
	}
	other, err := m.other()
	if err != nil {
		return nil, errors.Join(err, m.Release(false))
	}
	if other {
		m.Unfinished--
	}
	return m, nil
}

// make gives the mark its name, the first that is free.
func (m *Mark) make(root *os.Root) error {
	m.Unfinished = 0
	for n := 1; n <= 2; n++ {
		err := root.Link(m.name, mark(m.name, n))
		if errors.Is(err, fs.ErrExist) {
			m.Unfinished = n
			continue
		}
		m.made = err == nil
		return err
	}
	return nil
}

// Release ends the mark. It stays on the volume where the scan was the end of
// the engine; else the newest mark goes, whoever made it: they are only counted.
// A mark that is not there any more was removed with the folder.
func (m *Mark) Release(stays bool) error {
	// The engine may have the same file open for a moment longer than the scan
	// lasts, so that closing it is not enough.
	err := m.lock(unix.F_UNLCK)
	if stays || !m.made {
		return err
	}
	removed := m.dir.in(m.name, func(root *os.Root) error {
		for n := 2; n >= 1; n-- {
			if err := root.Remove(mark(m.name, n)); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	if removed != nil {
		err = errors.Join(err, fmt.Errorf("unmark work file %s: %w", m.name, missing(removed)))
	}
	return err
}

// lock takes or gives back the lock of this open file, which NFS has too. It is
// one of the file description: two scans in one process are two.
func (m *Mark) lock(kind int16) error {
	return m.fcntl(unix.F_OFD_SETLK, &unix.Flock_t{Type: kind})
}

// other reports whether another scan holds its lock: only then could this one
// not write.
func (m *Mark) other() (bool, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	err := m.fcntl(unix.F_OFD_GETLK, &l)
	return l.Type != unix.F_UNLCK, err
}

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

// mark names the marks. The dot keeps them apart from every work file.
func mark(name string, n int) string {
	return name + ".scan" + strconv.Itoa(n)
}
