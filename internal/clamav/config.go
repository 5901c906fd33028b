package clamav

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"text/template"
	"time"
)

const (
	// MaxFileSize is the largest file, in bytes, that libclamav scans, whatever MaxFileSize in clamd.conf
	// is: it stores sizes as signed 32-bit numbers, less two (cl_engine_set_num; measured with 1.4.6).
	MaxFileSize = 1<<31 - 3

	// MinFileSize is the smallest file, in bytes, that libclamav scans. For a smaller one it answers OK
	// and does not even compare hashes ("small data" in scanners.c).
	MinFileSize = 6

	// maxUnpacked is less than the size to which libclamav cuts what it unpacks, in bytes. It cuts a zip
	// member to the last full 8 KiB under MaxFileSize, prints nothing, and answers OK; see tempSpace.
	maxUnpacked = MaxFileSize - 1<<20
)

// Limits limit what the engine spends on one file. If one is reached, the outcome is Limit and never
// Clean.
type Limits struct {
	// Unpacked is how many bytes of temporary files one scan may have at a time: from 1 MiB to 1 MiB less
	// than MaxFileSize. The engine lowers it at its start to what is free in RunDir.
	Unpacked  int64
	Files     int           // members in one file
	Recursion int           // containers in containers
	ScanTime  time.Duration // for one file; keep it under the function's timeout
}

// DefaultLimits returns limits for a Lambda function with a timeout of 15 minutes, of which a scan may
// take nine tenths, and at least 4.5 GB of ephemeral storage, of which it may use half. Files follows
// from ScanTime: with the official definitions a member takes about 25 ms, so that more than 30,000
// members would end in a timeout.
func DefaultLimits() Limits {
	return Limits{Unpacked: maxUnpacked, Files: 30000, Recursion: 17, ScanTime: 13 * time.Minute}
}

// Config says how to run the engine.
type Config struct {
	// Clamd is the path of the program. If it is empty, clamd is looked for in PATH
	// and in /usr/sbin.
	Clamd string
	// RunDir is an existing folder, in which each engine creates a private folder (0700) for its socket,
	// configuration and temporary files. It should have Limits.Unpacked and minFreeBytes free.
	RunDir string
	// Limits are DefaultLimits if zero.
	Limits Limits
	// Threads is how many files may be scanned at once, 1 if zero. They share the space in RunDir; if it
	// is used up, all of them get the error.
	Threads int
	// ProofAge is how long ago the engine may have been proved when a finding is returned, 5 minutes if
	// zero.
	ProofAge time.Duration
	// LoadTime is how long calls may wait in all for one engine to load before it counts as hung, 5
	// minutes if zero. Time in which no call waits does not count, because the environment may be frozen.
	LoadTime time.Duration
	// ReplyMargin is how long after Limits.ScanTime an answer may still come, if the context allows it, 1
	// minute if zero.
	ReplyMargin time.Duration
	// PingInterval is the pause between two PINGs during a scan, and how long each may take to be
	// answered, 3 seconds if zero; see detectHang.
	PingInterval time.Duration
}

func (c Config) withDefaults() Config {
	c.Clamd = cmp.Or(c.Clamd, findClamd())
	c.Limits = cmp.Or(c.Limits, DefaultLimits())
	c.Threads = cmp.Or(c.Threads, 1)
	c.ProofAge = cmp.Or(c.ProofAge, 5*time.Minute)
	c.LoadTime = cmp.Or(c.LoadTime, 5*time.Minute)
	c.ReplyMargin = cmp.Or(c.ReplyMargin, time.Minute)
	c.PingInterval = cmp.Or(c.PingInterval, 3*time.Second)
	return c
}

// findClamd returns the path of clamd. Debian installs it in /usr/sbin, which is not
// in every PATH.
func findClamd() string {
	if path, err := exec.LookPath("clamd"); err == nil {
		return path
	}
	return "/usr/sbin/clamd"
}

// validate refuses limits for which clamd would use no limit (0) or another value.
func (c Config) validate() error {
	l := c.Limits
	var errs []error
	for _, n := range []struct {
		name            string
		got, least, top int64
	}{
		{name: "Unpacked", got: l.Unpacked, least: 1 << 20, top: maxUnpacked},
		{name: "Files", got: int64(l.Files), least: 1, top: 1<<31 - 1},
		{name: "Recursion", got: int64(l.Recursion), least: 1, top: 100}, // CLI_MAX_MAXRECLEVEL
		{name: "ScanTime in ms", got: l.ScanTime.Milliseconds(), least: 1, top: 1<<31 - 1},
		{name: "Threads", got: int64(c.Threads), least: 1, top: 64},
	} {
		if n.got < n.least || n.got > n.top {
			errs = append(errs, fmt.Errorf("%s is %d, must be %d to %d", n.name, n.got, n.least, n.top))
		}
	}
	return errors.Join(errs...)
}

// confTemplate is the clamd.conf of an engine. Settings that are not obvious:
//   - SelfCheck 0: by default clamd looks for new definitions every 10 minutes and reloads them. An
//     engine never changes its generation.
//   - LocalSocket is relative to the working directory that startProcess gives to clamd, so that no
//     folder's name is too long for a socket address.
//   - DisableCache before 1.5: the cache of clean files uses MD5, so that a harmless file could
//     stand for another one that was made to have its MD5. From 1.5 on it uses SHA-256, and is not
//     disabled.
//   - GenerateMetadataJson goes with DisableCache: libclamav reads a whole file first only if it
//     needs a hash, for the cache or for this. Otherwise a part that it scans in place (cpio, disk
//     images, universal binaries) can be the first to read the last 4 KiB. libclamav then sees zeros
//     after the part, for all later parts and for the hash of the whole file.
//   - Enable...Command: only PING and FILDES are used. 1.4 has no such options, and does not start
//     with them.
//   - MaxScanSize 0 is no limit. With a limit, what is left of it decides how much of a CAB or CHM
//     member is unpacked, and whether a RAR member is unpacked at all, and clamd reports neither.
//     Limits.Unpacked replaces it; see tempSpace.
//   - ExitOnOOM: a crash can be detected, a failed malloc cannot.
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
{{- if .CacheBySHA256}}
EnableShutdownCommand no
EnableReloadCommand no
EnableStatsCommand no
EnableVersionCommand no
{{- else}}
DisableCache yes
GenerateMetadataJson yes
{{- end}}
`))

// render returns the clamd.conf for a version of clamd; definitions and temp are folders.
func (c Config) render(v version, definitions, temp string) ([]byte, error) {
	for _, path := range []string{definitions, temp} {
		// clamd.conf has no escapes: a blank ends the value, and "#" begins a comment.
		if path == "" || strings.ContainsAny(path, " \t\r\n\"'#") {
			return nil, fmt.Errorf("write clamd.conf: path %q is empty or has a character that the format cannot express", path)
		}
	}
	var b bytes.Buffer
	err := confTemplate.Execute(&b, struct {
		Config
		Definitions, Temp string
		Queue, FileSize   int
		CacheBySHA256     bool
	}{
		Config: c, Definitions: definitions, Temp: temp,
		Queue: 2 * c.Threads, FileSize: MaxFileSize,
		CacheBySHA256: v.atLeast(1, 5),
	})
	if err != nil {
		return nil, fmt.Errorf("write clamd.conf: %w", err)
	}
	return b.Bytes(), nil
}
