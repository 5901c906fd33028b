package freshclam

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// StateFile is freshclam's note in its database folder: who it is to mirrors,
// and until when it must not ask them again.
const StateFile = "freshclam.dat"

// The file is a C struct after a magic word (freshclam_dat_v1_t of
// libfreshclam, 1.4; measured on 64-bit Linux): version, a UUID as text, the
// time in seconds, and unused bytes up to 90.
const (
	stateMagic   = "FreshClamData"
	stateVersion = 1
	versionAt    = len(stateMagic)
	retryAt      = 61
	stateSize    = 90
	endOfTime    = 253402300799 // the last second that RFC 3339 can write
)

// CoolDown returns when the cool-down noted in dir ends: zero without one, and
// without a file that freshclam itself would understand.
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

func parseState(data []byte) (time.Time, error) {
	if len(data) != stateSize || !bytes.HasPrefix(data, []byte(stateMagic)) {
		return time.Time{}, errors.New("no freshclam.dat")
	}
	if v := binary.LittleEndian.Uint32(data[versionAt:]); v != stateVersion {
		return time.Time{}, errors.New("freshclam.dat of another version")
	}
	seconds := int64(binary.LittleEndian.Uint64(data[retryAt:]))
	if seconds <= 0 {
		return time.Time{}, nil
	}
	if seconds > endOfTime {
		return time.Time{}, errors.New("freshclam.dat with a time after the year 9999")
	}
	return time.Unix(seconds, 0).UTC(), nil
}
