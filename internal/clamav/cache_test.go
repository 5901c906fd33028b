package clamav

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCacheAfterLimit scans an archive in which a limit keeps the engine from scanning the content of
// inner, and then inner alone, for which there is no limit. If clamd had inner in its cache as clean,
// it would miss EICAR.
func TestCacheAfterLimit(t *testing.T) {
	t.Parallel()
	inner := zipOf(t, member{"1", []byte("first member")}, member{"2", []byte("second member")},
		member{"3", []byte("third member")}, member{"4", []byte("fourth member")}, member{"5", hidden(200)})
	many := []member{}
	for i := range 8 {
		many = append(many, member{fmt.Sprint(i), fmt.Appendf(nil, "outer member %d", i)})
	}
	deep := inner
	for range 3 {
		deep = zipOf(t, member{"m", deep})
	}
	tests := []struct {
		name   string
		change func(*Limits)
		outer  []byte
		want   string
	}{
		{
			name:   "files",
			change: func(l *Limits) { l.Files = 11 },
			outer:  zipOf(t, append(many, member{"inner", inner})...),
			want:   "MaxFiles",
		},
		{
			name:   "files, inner last but one",
			change: func(l *Limits) { l.Files = 11 },
			outer:  zipOf(t, append(many, member{"inner", inner}, member{"z", []byte("last member")})...),
			want:   "MaxFiles",
		},
		{name: "recursion", change: func(l *Limits) { l.Recursion = 4 }, outer: deep, want: "MaxRecursion"},
		{
			name:   "recursion by one",
			change: func(l *Limits) { l.Recursion = 2 },
			outer:  zipOf(t, member{"m", inner}),
			want:   "MaxRecursion",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limits := DefaultLimits()
			tt.change(&limits)
			e := engine(t, Config{Limits: limits})
			if got := scanned(t, e, onDisk(t, tt.outer)); got.Limit != tt.want {
				t.Errorf("Scan(outer) = %+v, want limit %s", got, tt.want)
			}
			if got := scanned(t, e, onDisk(t, inner)); got.Outcome != Found {
				t.Errorf("Scan(inner) after outer = %+v, want Found", got)
			}
		})
	}
}

func TestCacheAfterEncryptedMember(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"zipcrypto.zip", "aes256.zip", "encrypted.7z", "encrypted-names.7z"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(filepath.Join("testdata", "encrypted", name))
			if err != nil {
				t.Fatal(err)
			}
			e := engine(t, Config{})
			for range 2 {
				if got := scanned(t, e, onDisk(t, zipOf(t, member{"outer", content}))); got.Outcome != Encrypted {
					t.Errorf("Scan(in a zip) = %+v, want Encrypted", got)
				}
				if got := scanned(t, e, onDisk(t, content)); got.Outcome != Encrypted {
					t.Errorf("Scan(alone, after) = %+v, want Encrypted", got)
				}
			}
		})
	}
}

// TestCacheAfterTimeout ends a scan inside inner by the time limit, at a point that depends on the
// machine, and scans inner again.
func TestCacheAfterTimeout(t *testing.T) {
	t.Parallel()
	inner := zipOf(t, member{"m", hidden(8 << 20)})
	outer := zipOf(t, member{"pad", hidden(8 << 20)[:8<<20]}, member{"inner", inner})
	for _, ms := range []int{1, 20, 60, 120} {
		t.Run(fmt.Sprint(ms), func(t *testing.T) {
			limits := DefaultLimits()
			limits.ScanTime = time.Duration(ms) * time.Millisecond
			e := engine(t, Config{Limits: limits})
			if got := scanned(t, e, onDisk(t, outer)); got.Outcome == Clean {
				t.Errorf("Scan(outer) = %+v, want a detection", got)
			}
			if got := scanned(t, e, onDisk(t, inner)); got.Outcome == Clean {
				t.Errorf("Scan(inner) after outer = %+v, want a detection", got)
			}
		})
	}
}
