package clamav

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/scratch"
)

// Prove has the engine scan three canaries. EICAR must be found, which shows that the definitions are
// loaded and are matched. EICAR in a deflated zip must be found, which shows that the engine can
// unpack. A clean file must give no false positive. An error with ErrCanary, for a wrong answer or
// none, means that the answers since the last proof do not count and that the engine must be stopped.
// If ctx ended first, the error has no ErrCanary.
//
// No answer comes from the engine's cache, which holds only clean files: two canaries are not clean,
// and the clean one has random content.
func (e *Engine) Prove(ctx context.Context) error {
	unproved := e.clean.takeUnproved()
	for _, c := range canaries() {
		if err := e.prove(ctx, c); err != nil {
			if errors.Is(err, ErrCanary) {
				e.clean.invalidate()
			}
			return fmt.Errorf("canary %s: %w", c.name, err)
		}
	}
	e.clean.addProved(unproved)
	now := time.Now()
	e.proved.Store(&now)
	return nil
}

// canary is a file of which the right answer is known.
type canary struct {
	name    string
	content []byte
	want    Outcome
}

func canaries() []canary {
	return []canary{
		{name: "eicar", content: eicar.Bytes(), want: Found},
		{name: "eicar in zip", content: zipped(eicar.Bytes()), want: Found},
		{name: "clean", content: []byte("Lazaret canary, nothing to find here: " + rand.Text() + "\n"), want: Clean},
	}
}

// prove scans one canary.
func (e *Engine) prove(ctx context.Context, c canary) error {
	f, err := scratch.File(e.cfg.RunDir, c.content)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := e.Scan(ctx, f)
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("%w: %w", ErrCanary, err)
	case err != nil:
		return err
	case got.Outcome != c.want:
		answer := strings.TrimSpace(string(got.Outcome) + " " + got.Signature)
		return fmt.Errorf("%w: answer is %s, want %s", ErrCanary, answer, c.want)
	}
	return nil
}

// zipped deflates content into a zip. Sizes and CRC are in the local header; behind the data, where a
// streaming writer puts them, they would test something else.
func zipped(content []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.Create("canary.txt")
	if err == nil {
		_, err = m.Write(content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(fmt.Sprintf("zip into memory: %v", err)) // bytes.Buffer returns no errors
	}
	return b.Bytes()
}
