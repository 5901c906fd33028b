// Package clamav runs clamd as a child process and asks it to scan files. clamd answers OK for many
// files that it did not scan: if its temporary folder is lost, a limit is reached or a descriptor
// cannot be read. This package therefore checks each answer, and proves the engine with canaries:
// files of which the right answer is known.
//
// The scan function has one Supervisor for its lifetime; the freshclam function uses an Engine to
// prove a new generation before it is published. The package knows nothing of S3, jobs and verdict
// tags, never reloads definitions, and never runs two engines of one Supervisor at a time.
package clamav

import (
	"errors"
	"fmt"
)

var (
	// ErrEngine is in every error after which the engine cannot be trusted: it did not start, did not
	// answer, gave an unknown answer or a wrong one about a canary, or lost its temporary folder. There is
	// no verdict. The Supervisor has killed the engine and starts a new one at the next call.
	ErrEngine = errors.New("scan engine")

	// ErrEngineDied is the ErrEngine of a scan during which the process ended or hung. If that happens
	// twice with one file, the file is the cause.
	ErrEngineDied = fmt.Errorf("%w: process ended during the scan", ErrEngine)

	// ErrOverdue is the ErrEngine of a scan that took longer than the context or Limits.ScanTime allows,
	// while the engine answered PINGs. The cause is the file, and not the engine.
	ErrOverdue = fmt.Errorf("%w: not done in time", ErrEngine)

	// ErrCanary is the ErrEngine of an engine that gave a wrong answer about a canary, or none.
	ErrCanary = fmt.Errorf("%w: canary missed", ErrEngine)

	// errHung: clamd does not answer PINGs.
	errHung = errors.New("clamd hangs")

	// ErrDescriptor: the file is not a regular file or is not open for reading. clamd would answer OK
	// without reading it. The caller has a bug.
	ErrDescriptor = errors.New("descriptor cannot be scanned")

	// ErrTooLarge: the file has more than MaxFileSize bytes.
	ErrTooLarge = errors.New("file too large for the scan engine")
)

// Outcome is the result of a scan. The zero value is no result.
type Outcome string

const (
	// Clean: the engine read the file, unpacked the formats that it can unpack and
	// found nothing. It answers so for containers that it cannot open, too; see
	// package unpack.
	Clean Outcome = "clean"
	// Found: a signature matched.
	Found Outcome = "found"
	// Limit: no signature matched in the part that the engine scanned before it reached a limit.
	Limit Outcome = "limit"
	// Encrypted: no signature matched outside an encrypted part.
	Encrypted Outcome = "encrypted"
	// Unexamined: the file is shorter than MinFileSize, and clamd, which would answer OK, was not asked.
	Unexamined Outcome = "unexamined"
)

// Finding is one checked answer of a proved engine.
type Finding struct {
	Outcome Outcome
	// Signature is the name that clamd reported: of the signature for Found, of the heuristic for Limit
	// and Encrypted, else "".
	Signature string
	// Limit names the limit for Limit, in the terms of clamd.conf: MaxFileSize, MaxFiles, MaxRecursion,
	// MaxScanTime, MaxScanSize (for Limits.Unpacked), or one of the engine's fixed limits (EmailHeaders,
	// DicSizeLimit and so on). Treat an unknown name as a limit.
	Limit string
	// Engine is the version of the engine that answered, "ClamAV 1.4.6".
	Engine string
	// Definitions is the fingerprint of the generation that the engine had loaded.
	Definitions string

	by *Engine // that answered
}

// Keep adds the content with this SHA-256 to what Known reports, if f is Clean. The caller must be
// sure that the engine read these bytes: because no other process could change the file, or because
// the file was read again afterwards.
func (f Finding) Keep(sum Sum) {
	if f.Outcome == Clean && f.by != nil {
		f.by.clean.add(sum)
	}
}
