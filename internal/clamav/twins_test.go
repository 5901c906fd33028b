package clamav

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// sameMD5 returns two files with one MD5 (Wang et al. published the pair in 2004; the end is the
// same). The signatures of twinSet match the second one by its SHA-256.
func sameMD5(t testing.TB) (clean, infected []byte) {
	t.Helper()
	clean, infected = twin(t, "clean.bin"), twin(t, "infected.bin")
	if md5.Sum(clean) != md5.Sum(infected) || bytes.Equal(clean, infected) {
		t.Fatal("the two contents have different MD5s or are the same, want the same MD5 of different contents")
	}
	return clean, infected
}

func twin(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "twins", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// known returns definitions with signatures for EICAR and for contents by their SHA-256.
func known(t testing.TB, contents map[string][]byte) definitions.Generation {
	t.Helper()
	dir := testSet(t).Dir
	var lines bytes.Buffer
	for name, content := range contents {
		fmt.Fprintf(&lines, "%x:%d:%s:73\n", sha256.Sum256(content), len(content), name)
	}
	if err := os.WriteFile(filepath.Join(dir, "known.hsb"), lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := definitions.Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// loaded returns an engine with the definitions of g.
func loaded(t testing.TB, g definitions.Generation) *Engine {
	t.Helper()
	e, err := Start(Config{Clamd: need.Clamd(t), RunDir: t.TempDir()}, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestContentsWithSameMD5 scans a clean file, and then another one with the same MD5 that has a
// signature: each of them whole, and in containers of which some are opened only by clamd.
func TestContentsWithSameMD5(t *testing.T) {
	t.Parallel()
	clean, infected := sameMD5(t)
	g := known(t, map[string][]byte{"Twin": infected})
	forms := map[string]struct{ clean, infected, both []byte }{
		"whole": {clean: clean, infected: infected},
		"zip": {
			clean:    zipOf(t, member{"a", clean}),
			infected: zipOf(t, member{"b", infected}),
			both:     zipOf(t, member{"a", clean}, member{"b", infected}),
		},
		"cabinet": {clean: cabOf(t, clean), infected: cabOf(t, infected)},
	}
	for _, name := range []string{"packed.arj", "deflate64.zip"} {
		forms[name] = struct{ clean, infected, both []byte }{
			clean: twin(t, "clean-"+name), infected: twin(t, "infected-"+name), both: twin(t, "both-"+name),
		}
	}
	for first, before := range forms {
		for then, after := range forms {
			t.Run(first+", then "+then, func(t *testing.T) {
				t.Parallel()
				e := loaded(t, g)
				if got := scanned(t, e, onDisk(t, before.clean)); got.Outcome != Clean {
					t.Fatalf("Scan(clean twin) = %+v, want Clean", got)
				}
				if got := scanned(t, e, onDisk(t, after.infected)); got.Signature != "Twin.UNOFFICIAL" {
					t.Errorf("Scan(its twin) = %+v, want Twin", got)
				}
			})
		}
		if before.both != nil {
			t.Run("both in "+first, func(t *testing.T) {
				t.Parallel()
				if got := scanned(t, loaded(t, g), onDisk(t, before.both)); got.Signature != "Twin.UNOFFICIAL" {
					t.Errorf("Scan(both) = %+v, want Twin", got)
				}
			})
		}
	}
}

// TestClamdCacheByMD5 shows why DisableCache is set: by default a clamd before 1.5 answers OK for the
// infected file.
func TestClamdCacheByMD5(t *testing.T) {
	t.Parallel()
	clean, infected := sameMD5(t)
	e := loaded(t, known(t, map[string][]byte{"Twin": infected}))
	conf, err := e.cfg.render(e.version, e.definitions.Dir, e.temp.path)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	file := filepath.Join(home, "clamd.conf")
	without := strings.NewReplacer("DisableCache yes\n", "", "GenerateMetadataJson yes\n", "").Replace(string(conf))
	if err := os.WriteFile(file, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	proc, err := startProcess(e.cfg.Clamd, home, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proc.stop(termGrace); err != nil {
			t.Error(err)
		}
	})
	c := client{home: opened(t, home)}
	if err := proc.ready(within(t, time.Minute), c); err != nil {
		t.Fatal(err)
	}
	want := ": OK\x00"
	if e.version.atLeast(1, 5) {
		want = ": Twin.UNOFFICIAL FOUND\x00"
	}
	for _, question := range []struct {
		content []byte
		want    string
	}{{clean, ": OK\x00"}, {infected, want}} {
		raw, err := c.ask(within(t, time.Minute), "FILDES", onDisk(t, question.content))
		if err != nil || !bytes.HasSuffix(raw, []byte(question.want)) {
			t.Errorf("%s about a twin: %q, %v, want %q", e.Version(), raw, err, question.want)
		}
	}
}

// TestEndOfAFileIsRead has files whose parts clamd scans in place. A part that ends in the last 4 KiB
// must not hide what follows it from the scan of the next part, or from the hash of the whole file.
func TestEndOfAFileIsRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 1000, 5000, 100_000, 2 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			infected := cpioOf(member{"a", text(size)}, member{"b", hidden(200)})
			clean := cpioOf(member{"a", text(size)}, member{"b", text(200)})
			e := loaded(t, known(t, map[string][]byte{"Whole": clean}))
			if got := scanned(t, e, onDisk(t, infected)); got.Signature != definitions.TestSignature {
				t.Errorf("Scan(EICAR in the second part) = %+v, want %s", got, definitions.TestSignature)
			}
			if got := scanned(t, e, onDisk(t, clean)); got.Signature != "Whole.UNOFFICIAL" {
				t.Errorf("Scan(a whole that is known) = %+v, want Whole", got)
			}
		})
	}
}

// cpioOf returns a cpio archive in the new ASCII format.
func cpioOf(members ...member) []byte {
	var b bytes.Buffer
	pad := func() { b.Write(make([]byte, -b.Len()&3)) }
	for _, m := range append(members, member{name: "TRAILER!!!"}) {
		b.WriteString("070701")
		for _, field := range []int{1, 0o100644, 0, 0, 1, 0, len(m.content), 0, 0, 0, 0, len(m.name) + 1, 0} {
			fmt.Fprintf(&b, "%08X", field)
		}
		b.WriteString(m.name + "\x00")
		pad()
		b.Write(m.content)
		pad()
	}
	return b.Bytes()
}
