package update

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// signatureFor returns a signature for a text.
func signatureFor(name, text string) string {
	return name + ":0:*:" + hex.EncodeToString([]byte(text)) + "\n"
}

// newest returns the signatures that are new in the current generation, as one text, "none" if it has no
// list.
func (b *bench) newest() string {
	b.t.Helper()
	g, err := b.store.Current()
	if err != nil {
		b.t.Fatal(err)
	}
	l, err := signatures.Read(g.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, batch := range append([]signatures.Batch{l.Batch}, l.Earlier...) {
		names = append(names, batch.Names...)
	}
	return strings.Join(names, " ")
}

// TestNewSignatures checks what each generation says about its signatures, through incremental updates
// of the real freshclam, which makes a .cld of a .cvd.
func TestNewSignatures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.OwnSource = files(map[string]string{"own.ndb": signatureFor("Mine", "lazaretmine")})
	b.offer(1)
	b.run()
	if got := b.newest(); got != "none" {
		t.Errorf("new in the first generation: %s, want no list", got)
	}
	b.offer(2, "lazarettwo")
	b.run()
	if got := b.newest(); got != "Word-lazarettwo" {
		t.Errorf("new in the second generation: %s, want Word-lazarettwo", got)
	}
	b.OwnSource = files(map[string]string{
		"own.ndb": signatureFor("Mine", "lazaretmine") + signatureFor("Other", "lazaretother"),
	})
	b.run()
	if got := b.newest(); got != "Other.UNOFFICIAL Word-lazarettwo" {
		t.Errorf("new in the third generation: %s, want the own signature and that of the second", got)
	}
}

// TestNewSignaturesCannotBeListed checks that definitions are published although the list of the current
// ones is damaged, and that the status says what follows.
func TestNewSignaturesCannotBeListed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	g := b.current(1)
	if err := os.WriteFile(filepath.Join(g.Dir, signatures.FileName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.offer(2, "lazarettwo")
	s := b.run()
	if !s.Published || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "counts as new") {
		t.Errorf("status is %+v, want published with one warning", s)
	}
	b.current(2)
	if got := b.newest(); got != "none" {
		t.Errorf("new: %s, want no list", got)
	}
}

// TestNewSignaturesOfHeldBack checks that the time of a signature begins when an operator publishes its
// generation.
func TestNewSignaturesOfHeldBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	stage := t.TempDir()
	for name, data := range content(t, b.current(1).Dir) {
		if err := os.WriteFile(filepath.Join(stage, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := signatures.List{Batch: signatures.Batch{
		FirstSeen: time.Now().Add(-2 * signatures.NewFor), Names: []string{"Held"},
	}}
	own := []byte(signatureFor("Held", "x"))
	err := errors.Join(yesterday.Write(stage), os.WriteFile(filepath.Join(stage, "own.ndb"), own, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	h, err := b.store.Hold(t.Context(), stage, []definitions.Detection{{Signature: "Held", File: "/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Request{Definitions: Publish, Generation: h.Generation.Fingerprint}); err != nil {
		t.Fatal(err)
	}
	g, err := b.store.Current()
	if err != nil {
		t.Fatal(err)
	}
	l, err := signatures.Read(g.Dir)
	if _, isNew := l.IsNew("Held", time.Now()); err != nil || !isNew {
		t.Errorf("list %+v, %v: want Held to be new", l, err)
	}
}
