// Package unpacktest has what the tests of formats share: engines, tables of samples,
// the checks that every format must pass, and writers of containers.
package unpacktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/unpack"
)

// Infected is what Verdict returns for a file in which the test signature was found.
const Infected = definitions.TestSignature

// Clean is what Verdict returns for a file in which nothing was found.
const Clean = string(unpack.Clean)

// Eicar is EICAR's test file.
func Eicar() []byte { return eicar.Bytes() }

// Marker is an engine that unpacks nothing and has one signature: EICAR, anywhere in a
// piece. It fails for an empty piece, as clamd does, and if the sum is not that of the
// piece.
func Marker(_ context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
	b, err := content(f)
	switch {
	case err != nil:
		return unpack.Finding{}, err
	case len(b) == 0:
		return unpack.Finding{}, errors.New("asked to scan an empty file")
	case sha256.Sum256(b) != sum:
		return unpack.Finding{}, errors.New("asked to scan a file with the sum of other bytes")
	case bytes.Contains(b, eicar.Bytes()):
		return unpack.Finding{Outcome: unpack.Found, Signature: Infected}, nil
	}
	return unpack.Finding{Outcome: unpack.Clean}, nil
}

// Exact is an engine whose only signature is the hash of a whole piece: it finds
// content that is scanned byte for byte.
func Exact(want []byte) unpack.Engine {
	known := sha256.Sum256(want)
	return func(_ context.Context, _ *os.File, sum unpack.Sum) (unpack.Finding, error) {
		if sum == known {
			return unpack.Finding{Outcome: unpack.Found, Signature: Infected}, nil
		}
		return unpack.Finding{Outcome: unpack.Clean}, nil
	}
}

// FindsNothing is an engine that finds nothing.
func FindsNothing(context.Context, *os.File, unpack.Sum) (unpack.Finding, error) {
	return unpack.Finding{Outcome: unpack.Clean}, nil
}

func content(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	if len(b) > 0 {
		_, err = f.ReadAt(b, 0)
	}
	return b, err
}

// Check calls c.Check for content, and fails without a finding.
func Check(t testing.TB, c unpack.Checker, content []byte, engine unpack.Engine) unpack.Finding {
	t.Helper()
	f, err := scratch.File(t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	got, err := c.Check(t.Context(), f, int64(len(content)), sha256.Sum256(content), engine)
	if err != nil {
		t.Fatalf("Check() = %v, want a finding", err)
	}
	return got
}

// Verdict is a finding in one word: Clean, the signature, or the reason.
func Verdict(f unpack.Finding) string {
	switch f.Outcome {
	case unpack.Found:
		return f.Signature
	case unpack.Refused:
		return string(f.Reason)
	}
	return string(f.Outcome)
}
