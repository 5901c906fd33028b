package clamav

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lazaret/lazaret/internal/excerpt"
)

// maxReplies is the most bytes of all replies to ALLMATCHSCAN: some 50,000 signatures.
const maxReplies = 4 << 20

// ScanAll is Scan for a file of which every signature must be known: FILDES ends at the first one. The findings are
// one Clean, or one Unexamined, or all signatures and heuristics that clamd has reported, which may repeat.
//
// ALLMATCHSCAN takes a path and no descriptor, and f may have none, so that clamd scans a copy in the private folder.
// It needs as much space as f has bytes, beside the temporary files of the scan.
func (e *Engine) ScanAll(ctx context.Context, f *os.File) ([]Finding, error) {
	if small, err := examine(f); err != nil {
		return nil, err
	} else if small {
		return []Finding{{Outcome: Unexamined}}, nil
	}
	path, err := e.copyOf(f)
	if err != nil {
		return nil, fmt.Errorf("%w: copy the file into the private folder: %w", ErrEngine, err)
	}
	defer os.Remove(path)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	findings, err := e.ask(ctx, "ALLMATCHSCAN "+path, nil, func(raw []byte) ([]Finding, error) {
		return parseReplies(raw, path)
	})
	if err != nil {
		return nil, err
	}
	// Nothing marks the end of the replies. If clamd had ended after some of them, it would not answer any more.
	if pong, err := e.client.ask(ctx, "PING", nil); err != nil || string(pong) != "PONG\x00" {
		if err == nil {
			err = fmt.Errorf("clamd answered PING with %q", excerpt.Cut(string(pong), quoteLimit))
		}
		return nil, e.classifyFailure(ctx, err)
	}
	for i := range findings {
		findings[i] = e.complete(findings[i])
	}
	return findings, nil
}

// copyOf copies f, whatever its offset is, into the private folder, and returns the path of the copy.
func (e *Engine) copyOf(f *os.File) (path string, err error) {
	to, err := os.CreateTemp(e.home.Name(), "file-") // created 0600
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, io.NewSectionReader(f, 0, MaxFileSize+1))
	if err = errors.Join(err, to.Close()); err != nil {
		return "", errors.Join(err, os.Remove(to.Name()))
	}
	return to.Name(), nil
}

// parseReplies turns all that clamd sent about one path into findings: one "OK", or one "FOUND" for each signature.
// Each reply has the form of parseReply's, with the path in place of the descriptor's number, and anything else is an
// error.
func parseReplies(raw []byte, path string) ([]Finding, error) {
	if len(raw) > maxReplies {
		return nil, fmt.Errorf("replies longer than %d bytes", maxReplies)
	}
	var findings []Finding
	for reply := range bytes.SplitAfterSeq(raw, []byte{0}) {
		if len(reply) == 0 {
			continue // after the last NUL
		}
		text, err := oneReply(reply)
		if err != nil {
			return nil, err
		}
		result, ok := strings.CutPrefix(text, path+": ")
		if !ok {
			return nil, fmt.Errorf("unknown reply %q", excerpt.Cut(text, quoteLimit))
		}
		finding, err := parseResult(result, text)
		if err != nil {
			return nil, err
		}
		findings = append(findings, finding)
	}
	if len(findings) == 0 {
		return nil, errEmptyReply
	}
	if findings[0].Outcome == Clean && len(findings) > 1 {
		return nil, fmt.Errorf("a reply after OK: %q", excerpt.Cut(string(raw), quoteLimit))
	}
	for _, f := range findings[1:] {
		if f.Outcome == Clean {
			return nil, fmt.Errorf("OK after another reply: %q", excerpt.Cut(string(raw), quoteLimit))
		}
	}
	return findings, nil
}
