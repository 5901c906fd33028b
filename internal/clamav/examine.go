package clamav

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// examine returns an ErrDescriptor or an ErrTooLarge for a file that clamd would answer OK for without
// reading it, and reports whether the file is too small for clamd.
func examine(f *os.File) (small bool, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDescriptor, err)
	}
	var flags int
	var flagsErr error
	if err := conn.Control(func(fd uintptr) { flags, flagsErr = unix.FcntlInt(fd, unix.F_GETFL, 0) }); err != nil {
		return false, fmt.Errorf("%w: %w", ErrDescriptor, err)
	}
	if flagsErr != nil {
		return false, fmt.Errorf("%w: read its flags: %w", ErrDescriptor, flagsErr)
	}
	if flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY {
		return false, fmt.Errorf("%w: not open for reading", ErrDescriptor)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrDescriptor, err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%w: %s is not a regular file", ErrDescriptor, info.Mode().Type())
	case info.Size() > MaxFileSize:
		return false, fmt.Errorf("%w: %d bytes", ErrTooLarge, info.Size())
	}
	// Read one byte, because the flags of a descriptor stay valid if its file system goes away.
	var b [1]byte
	if _, err := f.ReadAt(b[:], max(0, info.Size()-1)); err != nil && !(err == io.EOF && info.Size() == 0) {
		return false, fmt.Errorf("%w: read its last byte: %w", ErrDescriptor, err)
	}
	return info.Size() < MinFileSize, nil
}
