package clamav

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
)

const (
	// MaxFileSize is the most that libclamav scans of one file: it takes sizes
	// as signed 32-bit numbers, less two, whatever MaxFileSize in clamd.conf
	// says (cl_engine_set_num; measured with 1.4.6).
	MaxFileSize = 1<<31 - 3

	// MinFileSize is the least that libclamav looks at. It answers OK for
	// shorter files without comparing even a hash (scanners.c, "small data").
	MinFileSize = 6

	// maxUnpacked is below the size to which libclamav cuts what it unpacks: a
	// zip member is cut to the last full 8 KiB under MaxFileSize, without a
	// word, and called OK. See room.
	maxUnpacked = MaxFileSize - 1<<20
)

// Limits bound what the engine spends on one file. Each of them is reported as
// a Limit finding when it is reached, never as Clean.
type Limits struct {
	// Unpacked is how many bytes of temporary files one scan may hold at a time,
	// 1 MiB to 1 MiB less than MaxFileSize. It is lowered to what is free in
	// RunDir when the engine starts.
	Unpacked  int64
	Files     int           // members in one file
	Recursion int           // containers in containers
	ScanTime  time.Duration // for one file; keep it under the function's timeout
}

// DefaultLimits suit a Lambda with a timeout of 15 minutes, nine tenths of which
// a scan may take, and at least 4.5 GB of ephemeral storage, of which it may use
// half. Files follows from ScanTime: with full-size definitions a member costs
// about 25 ms, so that more than 30,000 would end in a timeout.
func DefaultLimits() Limits {
	return Limits{Unpacked: maxUnpacked, Files: 30000, Recursion: 17, ScanTime: 13 * time.Minute}
}

// Config says how to run the engine.
type Config struct {
	// Clamd is the binary, "/usr/sbin/clamd" if empty.
	Clamd string
	// RunDir is an existing folder for one private folder (0700) per engine,
	// with its socket, configuration and temporary files. It should have
	// Limits.Unpacked and lowWater bytes free.
	RunDir string
	// Limits are DefaultLimits if zero.
	Limits Limits
	// Threads is how many files may be scanned at once, 1 if zero. They share the
	// room in RunDir, and the blame when it is used up.
	Threads int
	// ProofAge is how old the last canaries may be when a finding is returned,
	// 5 minutes if zero.
	ProofAge time.Duration
	// LoadTime is how long calls may wait, in sum, for one engine to load before
	// it counts as stuck, 5 minutes if zero. Time in which nobody waits, as in a
	// frozen environment, does not count.
	LoadTime time.Duration
	// ReplyMargin is how long after Limits.ScanTime an answer may still come
	// where the caller's context allows more, 1 minute if zero.
	ReplyMargin time.Duration
	// PulseWait is the pause between two PINGs during a scan, and how long each
	// may go unanswered, 3 seconds if zero; see pulse.
	PulseWait time.Duration
}

func (c Config) withDefaults() Config {
	c.Clamd = cmp.Or(c.Clamd, "/usr/sbin/clamd")
	c.Limits = cmp.Or(c.Limits, DefaultLimits())
	c.Threads = cmp.Or(c.Threads, 1)
	c.ProofAge = cmp.Or(c.ProofAge, 5*time.Minute)
	c.LoadTime = cmp.Or(c.LoadTime, 5*time.Minute)
	c.ReplyMargin = cmp.Or(c.ReplyMargin, time.Minute)
	c.PulseWait = cmp.Or(c.PulseWait, 3*time.Second)
	return c
}

// validate refuses limits that clamd takes as "no limit" (0), clamps or wraps.
func (c Config) validate() error {
	l := c.Limits
	var errs []error
	for _, n := range []struct {
		name            string
		got, least, top int64
	}{
		{"Unpacked", l.Unpacked, 1 << 20, maxUnpacked},
		{"Files", int64(l.Files), 1, 1<<31 - 1},
		{"Recursion", int64(l.Recursion), 1, 100}, // CLI_MAX_MAXRECLEVEL
		{"ScanTime in ms", l.ScanTime.Milliseconds(), 1, 1<<31 - 1},
		{"Threads", int64(c.Threads), 1, 64},
	} {
		if n.got < n.least || n.got > n.top {
			errs = append(errs, fmt.Errorf("%s is %d, must be %d to %d", n.name, n.got, n.least, n.top))
		}
	}
	return errors.Join(errs...)
}

// Settings that are not obvious:
//   - SelfCheck 0: by default clamd looks for new definitions every 10 minutes
//     and reloads; a generation is pinned for the life of the process.
//   - LocalSocket is relative, to the working directory that start gives to
//     clamd, so that no folder's name is too long for a socket address.
//   - The clean-file cache stays on: switching it off loses detections.
//   - MaxScanSize 0 is no limit: what is left of it decides how much of a CAB or
//     CHM member is unpacked, and whether a RAR member is at all, and neither is
//     reported. Unpacked takes its place, see room.
//   - ExitOnOOM: a crash can be told from an answer, a failed malloc cannot.
var confTemplate = template.Must(template.New("clamd.conf").Parse(`Foreground yes
LocalSocket s
LocalSocketMode 600
DatabaseDirectory {{.Definitions}}
TemporaryDirectory {{.Temp}}
SelfCheck 0
ConcurrentDatabaseReload no
ExitOnOOM yes
MaxThreads {{.Threads}}
MaxQueue {{.Queue}}
MaxFileSize {{.FileSize}}
MaxScanSize 0
MaxFiles {{.Limits.Files}}
MaxRecursion {{.Limits.Recursion}}
MaxScanTime {{.Limits.ScanTime.Milliseconds}}
AlertExceedsMax yes
AlertEncrypted yes
AlertEncryptedArchive yes
AlertEncryptedDoc yes
Bytecode yes
BytecodeTimeout 10000
`))

// render writes the clamd.conf for one engine.
func (c Config) render(definitions, temp string) ([]byte, error) {
	for _, path := range []string{definitions, temp} {
		// clamd.conf has no escapes: a blank ends the value, '#' begins a comment.
		if path == "" || strings.ContainsAny(path, " \t\r\n\"'#") {
			return nil, fmt.Errorf("write clamd.conf: path %q has a character that it cannot hold", path)
		}
	}
	var b bytes.Buffer
	err := confTemplate.Execute(&b, struct {
		Config
		Definitions, Temp string
		Queue, FileSize   int
	}{c, definitions, temp, 2 * c.Threads, MaxFileSize})
	if err != nil {
		return nil, fmt.Errorf("write clamd.conf: %w", err)
	}
	return b.Bytes(), nil
}
