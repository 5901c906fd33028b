package update

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/testing/mirror"
)

type fakeSource struct {
	list  func() ([]OwnFile, error)
	fetch func(name string) ([]byte, error)
}

func (f fakeSource) List(context.Context) ([]OwnFile, error)              { return f.list() }
func (f fakeSource) Fetch(_ context.Context, name string) ([]byte, error) { return f.fetch(name) }

// files is a source with these contents. An ETag changes with the content.
func files(contents map[string]string) fakeSource {
	return fakeSource{
		list: func() ([]OwnFile, error) {
			var all []OwnFile
			for name, content := range contents {
				all = append(all, OwnFile{Name: name, ETag: content})
			}
			return all, nil
		},
		fetch: func(name string) ([]byte, error) { return []byte(contents[name]), nil },
	}
}

// finds scans a text with the current generation and returns the name of the signature.
func (b *bench) finds(text string) string {
	b.t.Helper()
	g, err := b.store.Current()
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := clamav.Start(b.Engine, g)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			b.t.Error(err)
		}
	}()
	path := filepath.Join(b.t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if err := e.Ready(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	found, err := e.Scan(b.t.Context(), f)
	if err != nil {
		b.t.Fatal(err)
	}
	return found.Signature
}

func (s Status) file(name string) OwnFile {
	for _, f := range s.Own {
		if f.Name == name {
			return f
		}
	}
	return OwnFile{}
}

// line returns a signature in the extended format for the text own-text.
const line = "Own-Text:0:*:6f776e2d74657874\n"

func TestOwnSignatures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.OwnSource = files(map[string]string{
		"good.ndb":   line,
		"good.yara":  "rule Own_Rule { strings: $a = \"own-rule-text\" condition: $a }\n",
		"bad.ndb":    line + "Bad:0:*:zz\n",
		"bad.hdb":    "nohash:12:foo\n",
		"bad.ldb":    "Bad;Target:0;((0;616161\n",
		"half.yara":  "rule Half { strings: $a = \"half\" condition: $a }\nrule Broken { condition: $nope }\n",
		"allow.ign2": "Word-word\n",
		"empty.ndb":  "",
		"notes.txt":  "hello",
		"daily.cvd":  "mine",
		"a b.ndb":    line,
	})
	s := b.run()
	if s.Outcome != freshclam.Updated || !s.Published || len(s.Own) != 11 {
		t.Fatalf("status is %+v, want it published, with 11 files", s)
	}
	b.current(1)
	for name, want := range map[string]string{
		"bad.ndb": "bad.ndb: Malformed database", "bad.hdb": "at line 1", "bad.ldb": "at line 1",
		"half.yara": "half.yara line 2",
		"empty.ndb": "empty", "notes.txt": "extension", "daily.cvd": "extension", "a b.ndb": "characters",
	} {
		if f := s.file(name); !strings.Contains(f.Refused, want) || strings.Contains(f.Refused, b.Staging) {
			t.Errorf("%s is refused with %q, want %q in it", name, f.Refused, want)
		}
	}
	if f := s.file("bad.ndb"); !strings.Contains(f.Refused, "line 2") {
		t.Errorf("bad.ndb is refused with %q, want the line", f.Refused)
	}
	for _, name := range []string{"good.ndb", "good.yara", "allow.ign2"} {
		if f := s.file(name); f.Refused != "" || f.AllowList != (name == "allow.ign2") {
			t.Errorf("%s is %+v, want it used", name, f)
		}
	}
	for text, want := range map[string]string{
		"some own-text here": "Own-Text.UNOFFICIAL", "some own-rule-text": "YARA.Own_Rule.UNOFFICIAL",
		"a word that is ignored": "", "half": "",
	} {
		if got := b.finds(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestOwnSignaturesChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	contents := map[string]string{"own.ndb": line}
	b.OwnSource = files(contents)
	b.run()
	if s := b.run(); s.Published || s.Outcome != freshclam.Current || len(s.Own) != 1 {
		t.Errorf("status without a change is %+v, want nothing published, and one file", s)
	}
	contents["own.ndb"] = strings.Replace(line, "Own-Text", "New-Name", 1)
	if s := b.run(); !s.Published || s.Outcome != freshclam.Current {
		t.Errorf("status after a change is %+v, want it published", s)
	}
	if got := b.finds("own-text"); got != "New-Name.UNOFFICIAL" {
		t.Errorf("finds %q, want New-Name.UNOFFICIAL", got)
	}
	// If the bucket does not answer, nothing is disabled, also with newer databases.
	b.OwnSource = fakeSource{list: func() ([]OwnFile, error) { return nil, errors.New("no answer") }}
	b.offer(2)
	s := b.run()
	if !s.Published || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "no answer") || len(s.Own) != 1 {
		t.Errorf("status without an answer is %+v, want it published, with one file and one warning", s)
	}
	b.current(2)
	if got := b.finds("own-text"); got != "New-Name.UNOFFICIAL" {
		t.Errorf("without an answer it finds %q, want New-Name.UNOFFICIAL", got)
	}
	b.OwnSource = files(nil)
	if s := b.run(); !s.Published || len(s.Own) > 0 {
		t.Errorf("status after removal is %+v, want it published, without a file", s)
	}
	if got := b.finds("own-text"); got != "" {
		t.Errorf("after removal it finds %q, want nothing", got)
	}
}

// TestAllowListsThatHideCanaries has two files: one hides the sample's signature in the official
// definitions, which is noticed only with all of them; the other hides the canary itself.
func TestAllowListsThatHideCanaries(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"official.ign2": "Eicar-Signature\n",
		"canary.ign2":   strings.TrimSuffix(definitions.TestSignature, ".UNOFFICIAL") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.offer(1)
			b.OwnSource = files(map[string]string{name: content})
			if s := b.run(); !s.Published || s.file(name).Refused == "" || !s.file(name).AllowList {
				t.Errorf("status is %+v, want it published, and the file refused", s)
			}
			b.current(1)
		})
	}
}

func TestOwnSignaturesDuringACoolDown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	b.mirror.Handle("*", mirror.Status(429, 0))
	b.run()
	b.OwnSource = files(map[string]string{"own.ndb": line})
	if s := b.run(); s.Outcome != freshclam.CoolingDown || !s.Published {
		t.Errorf("status is %+v, want it published during the cool-down", s)
	}
	if got := b.finds("own-text"); got != "Own-Text.UNOFFICIAL" {
		t.Errorf("finds %q, want Own-Text.UNOFFICIAL", got)
	}
}
