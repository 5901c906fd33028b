package unpacktest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/unpack"
)

// Container writes containers of one format.
type Container struct {
	Name string
	Pack func(t testing.TB, content []byte) []byte
	// Head is the number of bytes by which it is recognised.
	Head int
	// Endless says that the format cannot notice a missing end.
	Endless bool
	// Unsearched says that a search does not find it in the middle of other content.
	Unsearched bool
}

// Conform checks what every format must do: content is scanned byte for byte, wherever
// the container stands; a container that was cut off anywhere is refused; and no bytes
// take more time, memory or disk than Bounded allows.
func Conform(t *testing.T, formats unpack.Formats, containers ...Container) {
	t.Helper()
	if len(containers) == 0 {
		t.Fatal("no containers")
	}
	for _, c := range containers {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			t.Run("exact", func(t *testing.T) { c.exact(t, formats) })
			t.Run("nested", func(t *testing.T) { c.nested(t, formats) })
			t.Run("cut", func(t *testing.T) { c.cut(t, formats) })
		})
	}
}

// payloads are contents that show whether a decoder adds, drops or changes a byte.
func payloads() map[string][]byte {
	all := make([]byte, 0, 1<<12)
	for i := range cap(all) {
		all = append(all, byte(i), byte(i>>4))
	}
	return map[string][]byte{
		"EICAR":            Eicar(),
		"text":             Pages(3000),
		"every byte":       all,
		"ends with breaks": append(Pages(100), "\r\n\n\r\x00\x00\n"...),
		"large":            Pages(5 << 20),
	}
}

func (c Container) exact(t *testing.T, formats unpack.Formats) {
	for name, payload := range payloads() {
		got := Check(t, unpack.Checker{Formats: formats}, c.Pack(t, payload), Exact(payload))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want it scanned byte for byte", name, got)
		}
	}
}

func (c Container) nested(t *testing.T, formats unpack.Formats) {
	payload := append(Pages(900), Eicar()...)
	whole := c.Pack(t, payload)
	around := map[string]func([]byte) []byte{
		"gzip":        func(b []byte) []byte { return GzipOf(t, b) },
		"zip":         func(b []byte) []byte { return GoZip(t, "a", b) },
		"tar":         func(b []byte) []byte { return TarOf(t, b) },
		"mail":        MailOf,
		"itself":      func(b []byte) []byte { return c.Pack(t, b) },
		"tar in gzip": func(b []byte) []byte { return GzipOf(t, TarOf(t, b)) },
	}
	if !c.Unsearched {
		around["behind a program"] = func(b []byte) []byte { return Join(ELF(), b) }
	}
	if !c.Unsearched && !c.Endless {
		around["in text"] = func(b []byte) []byte { return Join(Pages(5000), b, Pages(70<<10)) }
	}
	for name, pack := range around {
		got := Check(t, unpack.Checker{Formats: formats}, pack(whole), Exact(payload))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want its content scanned", name, got)
		}
	}
}

func (c Container) cut(t *testing.T, formats unpack.Formats) {
	if c.Endless {
		return
	}
	whole := c.Pack(t, Pages(1500))
	end := len(bytes.TrimRight(whole, "\x00")) // some formats end with more zeros than they need
	step := max(1, end/150)
	for at := c.Head; at < end; at += step {
		got, _ := Bounded(t, formats, whole[:at])
		if got.Outcome == unpack.Clean {
			t.Errorf("got clean for the first %d bytes of %d, want a refusal", at, len(whole))
		}
	}
}

// smallLimits are for files of some kilobytes. One that takes seconds is a fault; Time
// is so long for the sake of a busy machine.
func smallLimits() unpack.Limits {
	return unpack.Limits{Unpacked: 16 << 20, Members: 200, Depth: 5, Time: 5 * time.Minute}
}

// Bounded checks content under small limits. It fails unless, whatever the bytes, Check
// ends in time, stays within the limits, reads at most some times the bytes that there
// are, gives back memory and disk, and refuses with a reason and words.
func Bounded(t testing.TB, formats unpack.Formats, content []byte) (unpack.Finding, unpack.Spent) {
	t.Helper()
	var spent unpack.Spent
	dir := t.TempDir()
	limits := smallLimits()
	c := unpack.Checker{
		Formats: formats, Limits: limits, Parallel: 2, Dir: dir, Spent: func(s unpack.Spent) { spent = s },
	}
	f, err := scratch.File(dir, content)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := c.Check(context.WithoutCancel(t.Context()), f, int64(len(content)), sha256.Sum256(content), FindsNothing)
	if err != nil {
		t.Fatalf("Check() = %v, want a finding", err)
	}
	if got.Outcome == unpack.Refused && (got.Detail == "" || !slices.Contains(reasons(), got.Reason)) {
		t.Errorf("got %+v, want one of the reasons of package job, and words", got)
	}
	// Before a limit is noticed, one page or one member more is unpacked.
	if spent.Unpacked > limits.Unpacked+32<<10 || spent.Members > limits.Members+1 {
		t.Errorf("got %d bytes and %d members unpacked, want at most %d and %d",
			spent.Unpacked, spent.Members, limits.Unpacked, limits.Members)
	}
	if spent.Held != 0 || spent.Disk != 0 {
		t.Errorf("got %d bytes of memory and %d of disk that were not given back, want none", spent.Held, spent.Disk)
	}
	size := int64(len(content))
	if most := 64*(size+spent.Unpacked) + int64(spent.Members)<<14 + 1<<20; spent.Read > most {
		t.Errorf("got %d bytes read of a file of %d that unpacked %d, want at most %d",
			spent.Read, size, spent.Unpacked, most)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got files %v left in the folder, %v, want none", left, err)
	}
	return got, spent
}

// reasons are those that Check may give for a small file. The time limit is not among
// them.
func reasons() []job.Reason {
	return []job.Reason{
		job.Damaged, job.UnsupportedArchive, job.Encrypted, job.LimitSize, job.LimitFiles, job.LimitRecursion,
	}
}

// Fuzz is a fuzz target that calls Bounded. Its seeds are the containers around some
// text, and other files.
func Fuzz(f *testing.F, formats unpack.Formats, containers []Container, seeds ...[]byte) {
	f.Helper()
	for _, c := range containers {
		f.Add(c.Pack(f, Pages(300)))
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content []byte) { Bounded(t, formats, content) })
}

// Gunzipped is the content of a gzip in testdata.
func Gunzipped(t testing.TB, path ...string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(Fixture(t, path...)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Fixture is a file in testdata. The README there says how each was made.
func Fixture(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
