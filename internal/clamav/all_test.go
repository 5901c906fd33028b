package clamav

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
)

// twoSignatures are definitions with two signatures.
func twoSignatures(t *testing.T) definitions.Generation {
	t.Helper()
	dir := t.TempDir()
	signatures := "Test.First:0:*:4d61726b6f6e65\nTest.Second:0:*:4d61726b74776f\n" // Markone, Marktwo
	if err := os.WriteFile(filepath.Join(dir, "two.ndb"), []byte(signatures), 0o600); err != nil {
		t.Fatal(err)
	}
	return definitions.Generation{Dir: dir, Fingerprint: "two"}
}

// TestScanAll checks that every signature in a file is reported, also one that stands behind another.
func TestScanAll(t *testing.T) {
	t.Parallel()
	e, err := Start(Config{RunDir: t.TempDir()}, twoSignatures(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	const first, second = "Test.First.UNOFFICIAL", "Test.Second.UNOFFICIAL"
	both := []byte("xx Markone yy Marktwo zz")
	tests := []struct {
		name    string
		content []byte
		outcome Outcome
		want    []string
	}{
		{name: "none", content: []byte("nothing here"), outcome: Clean},
		{name: "too short", content: []byte("12345"), outcome: Unexamined},
		{name: "one", content: []byte("xx Marktwo"), outcome: Found, want: []string{second}},
		{name: "two in one file", content: both, outcome: Found, want: []string{first, second}},
		{
			name:    "two members of a zip",
			content: zipOf(t, member{"a", []byte("a Markone")}, member{"b", []byte("b Marktwo")}),
			outcome: Found, want: []string{first, second},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := onDisk(t, tt.content)
			if _, err := f.Seek(3, 0); err != nil { // the offset must not matter
				t.Fatal(err)
			}
			findings, err := e.ScanAll(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range findings {
				if finding.Outcome != tt.outcome {
					t.Errorf("outcome = %s, want %s", finding.Outcome, tt.outcome)
				}
				if finding.Signature != "" {
					got = append(got, finding.Signature)
				}
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, tt.want) {
				t.Errorf("signatures %q, want %q", got, tt.want)
			}
			if left, err := filepath.Glob(filepath.Join(e.home.Name(), "file-*")); err != nil || len(left) > 0 {
				t.Errorf("files left in the private folder: %q, %v", left, err)
			}
		})
	}
}

func TestParseReplies(t *testing.T) {
	t.Parallel()
	const path = "/tmp/clamd-1/file-2"
	tests := []struct {
		name, raw string
		want      []string // names, "OK" for a clean file; nil for an error
	}{
		{name: "clean", raw: path + ": OK\x00", want: []string{"OK"}},
		{name: "one", raw: path + ": A FOUND\x00", want: []string{"A"}},
		{name: "two", raw: path + ": A FOUND\x00" + path + ": B FOUND\x00", want: []string{"A", "B"}},
		{
			name: "a limit", raw: path + ": A FOUND\x00" + path + ": Heuristics.Limits.Exceeded.MaxFiles FOUND\x00",
			want: []string{"A", "Heuristics.Limits.Exceeded.MaxFiles"},
		},
		{name: "nothing"},
		{name: "an error after a signature", raw: path + ": A FOUND\x00" + path + ": Can't allocate memory ERROR\x00"},
		{name: "OK after a signature", raw: path + ": A FOUND\x00" + path + ": OK\x00"},
		{name: "a signature after OK", raw: path + ": OK\x00" + path + ": A FOUND\x00"},
		{name: "another path", raw: "/tmp/other: OK\x00"},
		{name: "without its end", raw: path + ": A FOUND\x00" + path + ": B FOU"},
		{name: "an empty reply", raw: path + ": A FOUND\x00\x00"},
		{name: "without a name", raw: path + ":  FOUND\x00"},
		{name: "too long", raw: strings.Repeat(path+": A FOUND\x00", maxReplies/20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			findings, err := parseReplies([]byte(tt.raw), path)
			var got []string
			for _, f := range findings {
				if f.Outcome == Clean {
					f.Signature = "OK"
				}
				got = append(got, f.Signature)
			}
			if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
				t.Errorf("parseReplies() = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestScanAllOfAnEngineThatDies checks that replies of a clamd that has ended are no answer.
func TestScanAllOfAnEngineThatDies(t *testing.T) {
	t.Parallel()
	e, err := Start(Config{Clamd: fake(t, "finds-and-dies"), RunDir: t.TempDir()}, definitions.Generation{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := e.ScanAll(t.Context(), onDisk(t, []byte("some bytes")))
	if !errors.Is(err, ErrEngineDied) {
		t.Errorf("ScanAll() = %+v, %v, want ErrEngineDied", got, err)
	}
}
