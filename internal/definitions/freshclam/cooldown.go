package freshclam

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// StateFile is the file in freshclam's database folder with its identity for mirrors, and with the
// time before which it must not ask them.
const StateFile = "freshclam.dat"

// The file is a C struct after a magic word (freshclam_dat_v1_t of libfreshclam, 1.4; measured on
// 64-bit Linux): version, a UUID as text, the time in seconds, and unused bytes up to 90.
const (
	stateMagic   = "FreshClamData"
	stateVersion = 1
	versionAt    = len(stateMagic)
	retryAt      = 61
	stateSize    = 90
	maxSeconds   = 253402300799 // the last second of the year 9999, the last that RFC 3339 can express
)

// CoolDown returns the end of the cool-down that is noted in dir, zero if there is none or if the file
// is invalid.
func CoolDown(dir string) time.Time {
	data, err := os.ReadFile(filepath.Join(dir, StateFile))
	if err != nil {
		return time.Time{}
	}
	retry, err := parseState(data)
	if err != nil {
		return time.Time{}
	}
	return retry
}

// parseState reads the content of StateFile and returns the end of the cool-down.
func parseState(data []byte) (time.Time, error) {
	if len(data) != stateSize || !bytes.HasPrefix(data, []byte(stateMagic)) {
		return time.Time{}, errors.New("not a freshclam.dat")
	}
	if v := binary.LittleEndian.Uint32(data[versionAt:]); v != stateVersion {
		return time.Time{}, errors.New("unknown version of freshclam.dat")
	}
	seconds := int64(binary.LittleEndian.Uint64(data[retryAt:]))
	if seconds <= 0 {
		return time.Time{}, nil
	}
	if seconds > maxSeconds {
		return time.Time{}, errors.New("freshclam.dat has a time after the year 9999")
	}
	return time.Unix(seconds, 0).UTC(), nil
}
