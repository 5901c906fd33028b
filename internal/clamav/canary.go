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

// Prove shows with three files that the engine works now: EICAR is found (the
// definitions are loaded and the matcher runs), EICAR in a deflated zip is
// found (it unpacks, and has room to), and a clean file is clean (it does not
// shout at everything). A miss, which is an ErrCanary, is a wrong answer as well
// as none: withdraw what it said since the proof before, and stop it. The error
// is no miss where ctx ended first.
//
// None of the answers can come from clamd's cache, which remembers clean files
// only: two are found, and the clean one is new every time.
func (e *Engine) Prove(ctx context.Context) error {
	for _, c := range canaries() {
		if err := e.prove(ctx, c); err != nil {
			return fmt.Errorf("canary %s: %w", c.name, err)
		}
	}
	now := time.Now()
	e.proved.Store(&now)
	return nil
}

type canary struct {
	name    string
	content []byte
	want    Outcome
}

func canaries() []canary {
	return []canary{
		{"eicar", eicar.Bytes(), Found},
		{"eicar in zip", zipped(eicar.Bytes()), Found},
		{"clean", []byte("Lazaret canary, nothing to find here: " + rand.Text() + "\n"), Clean},
	}
}

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
		return fmt.Errorf("%w: answer is %s, want %s", ErrCanary, strings.TrimSpace(string(got.Outcome)+" "+got.Signature), c.want)
	}
	return nil
}

// zipped deflates content into a zip. Sizes and CRC stand in the local header,
// as a streaming writer's trailing ones would test something else.
func zipped(content []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.Create("canary.txt")
	if err == nil {
		_, err = m.Write(content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(fmt.Sprintf("zip into memory: %v", err)) // bytes.Buffer has no errors
	}
	return b.Bytes()
}
