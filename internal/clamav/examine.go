package clamav

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// examine refuses files that clamd answers OK for without reading them, and
// reports those that are too small for it to look at.
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
	// One byte proves more than flags do: a descriptor of a file system that
	// went away still has good ones.
	var b [1]byte
	if _, err := f.ReadAt(b[:], max(0, info.Size()-1)); err != nil && !(err == io.EOF && info.Size() == 0) {
		return false, fmt.Errorf("%w: read its last byte: %w", ErrDescriptor, err)
	}
	return info.Size() < MinFileSize, nil
}
