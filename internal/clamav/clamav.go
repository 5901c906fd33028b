// Package clamav runs clamd as a child process and asks it about files, in a
// way that makes its OK mean something: clamd answers OK for many files that
// it did not scan (a lost temporary folder, a limit, an unreadable descriptor),
// so every answer is checked and the engine proves itself with canaries.
//
// The scan function holds one Supervisor for its lifetime; the freshclam
// function uses an Engine to prove a new generation before publishing it. This
// package knows nothing of S3, jobs or verdict tags, never reloads definitions
// in place and never runs two engines of one Supervisor at a time.
package clamav

import (
	"errors"
	"fmt"
)

var (
	// ErrEngine is in every error after which the engine cannot be trusted: it
	// did not start, did not answer, answered something unknown, missed a
	// canary or lost its temporary folder. There is no verdict; the Supervisor
	// has killed the engine and starts a new one at the next call.
	ErrEngine = errors.New("scan engine")

	// ErrEngineDied is the ErrEngine of a scan during which the process ended, or
	// stopped to give any sign of life. Twice for one file, and that file is what
	// kills it.
	ErrEngineDied = fmt.Errorf("%w: process ended during the scan", ErrEngine)

	// ErrOverdue is the ErrEngine of a scan that took longer than it was given,
	// by the context or by Limits.ScanTime, while the engine gave signs of life.
	// It says something about the file, not about the engine.
	ErrOverdue = fmt.Errorf("%w: not done in time", ErrEngine)

	// ErrCanary is the ErrEngine of an engine that missed a canary.
	ErrCanary = fmt.Errorf("%w: canary missed", ErrEngine)

	errHung = errors.New("clamd hangs")

	// ErrDescriptor refuses a file that clamd would call OK without reading it:
	// not a regular file, or not open for reading. The caller has a bug.
	ErrDescriptor = errors.New("descriptor cannot be scanned")

	// ErrTooLarge refuses a file of more than MaxFileSize bytes.
	ErrTooLarge = errors.New("file too large for the scan engine")
)

// Outcome is what the engine can truly say about a file. The zero value is no
// outcome at all.
type Outcome string

const (
	// Clean: the engine read the file, unpacked what it can unpack and found
	// nothing. Formats that it cannot open are OK to it as well; see package
	// coverage.
	Clean Outcome = "clean"
	// Found: a signature matched.
	Found Outcome = "found"
	// Limit: no signature matched in the part that a limit let the engine see.
	Limit Outcome = "limit"
	// Encrypted: no signature matched outside an encrypted part.
	Encrypted Outcome = "encrypted"
	// Unexamined: the file is shorter than MinFileSize and clamd, which would
	// say OK, was not asked.
	Unexamined Outcome = "unexamined"
)

// Finding is one verified answer of a proved engine.
type Finding struct {
	Outcome Outcome
	// Signature is the name that clamd reported: of the signature for Found, of
	// the heuristic for Limit and Encrypted, else empty.
	Signature string
	// Limit names the limit for Limit, in clamd.conf's terms: MaxFileSize,
	// MaxFiles, MaxRecursion, MaxScanTime, MaxScanSize (for Limits.Unpacked), or
	// one of the engine's fixed limits (EmailHeaders, DicSizeLimit ...). Treat
	// unknown names as limits.
	Limit string
	// Engine is the version that answered, "ClamAV 1.4.6".
	Engine string
	// Definitions is the fingerprint of the generation that it had loaded.
	Definitions string
}
