package clamav

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	many := []member{}
	for i := range 20 {
		many = append(many, member{fmt.Sprint(i), fmt.Appendf(nil, "member number %d", i)})
	}
	deep := hidden(100)
	for range 8 {
		deep = zipOf(t, member{"m", deep})
	}
	tests := []struct {
		name    string
		change  func(*Limits)
		content []byte
		want    string
	}{
		{name: "files", change: func(l *Limits) { l.Files = 5 }, content: zipOf(t, many...), want: "MaxFiles"},
		{name: "recursion", change: func(l *Limits) { l.Recursion = 4 }, content: deep, want: "MaxRecursion"},
		{
			name:    "time",
			change:  func(l *Limits) { l.ScanTime = time.Millisecond },
			content: zipOf(t, member{"m", hidden(8 << 20)}),
			want:    "MaxScanTime",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limits := DefaultLimits()
			tt.change(&limits)
			e := engine(t, Config{Limits: limits})
			for range 2 { // clamd must not have it in its cache as clean
				got := scanned(t, e, onDisk(t, tt.content))
				if got.Outcome != Limit || got.Limit != tt.want || got.Signature != "Heuristics.Limits.Exceeded."+tt.want {
					t.Errorf("Scan() = %+v, want limit %s", got, tt.want)
				}
			}
		})
	}
}

// TestDetectionWinsOverLimit checks that a detection before a limit is reported.
func TestDetectionWinsOverLimit(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.Files = 5
	e := engine(t, Config{Limits: limits})
	members := []member{{"eicar", eicar.Bytes()}}
	for i := range 20 {
		members = append(members, member{fmt.Sprint(i), fmt.Appendf(nil, "member number %d", i)})
	}
	if got := scanned(t, e, onDisk(t, zipOf(t, members...))); got.Outcome != Found {
		t.Errorf("Scan() = %+v, want Found", got)
	}
}

// TestLargestFile checks the largest size that the engine scans, with sparse files.
func TestLargestFile(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	f := onDisk(t, nil)
	if err := os.Truncate(f.Name(), MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	// clamd itself reports one byte more as too large, so that the limit of examine
	// (TestScanRefusesDescriptors) is the right one.
	raw, err := e.client.ask(within(t, time.Minute), "FILDES", f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseReply(raw); err != nil || got.Limit != "MaxFileSize" {
		t.Errorf("clamd about %d bytes: %+v, %v, want the limit MaxFileSize", MaxFileSize+1, got, err)
	}
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	for name, want := range map[string]string{
		"zipcrypto.zip": "Heuristics.Encrypted.Zip", "aes256.zip": "Heuristics.Encrypted.Zip",
		"encrypted.7z": "Heuristics.Encrypted.7Zip", "encrypted-names.7z": "Heuristics.Encrypted.7Zip",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", "encrypted", name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := scanned(t, e, opened(t, path)); got.Outcome != Encrypted || got.Signature != want {
					t.Errorf("Scan() = %+v, want %s", got, want)
				}
			}
			within := zipOf(t, member{"outer", content})
			if got := scanned(t, e, onDisk(t, within)); got.Outcome != Encrypted {
				t.Errorf("Scan(in a zip) = %+v, want Encrypted", got)
			}
			both := zipOf(t, member{"outer", content}, member{"eicar", eicar.Bytes()})
			if got := scanned(t, e, onDisk(t, both)); got.Outcome != Found {
				t.Errorf("Scan(beside EICAR) = %+v, want Found", got)
			}
		})
	}
}

// TestGrownFile checks that clamd does not notice a file that grows, which callers of Scan must.
func TestGrownFile(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	f := onDisk(t, bytes.Repeat([]byte("x"), 1000))
	if got := scanned(t, e, f); got.Outcome != Clean {
		t.Errorf("Scan() = %+v, want Clean", got)
	}
	if err := os.WriteFile(f.Name(), hidden(1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := scanned(t, e, f); got.Outcome != Found {
		t.Errorf("Scan() of new content through the same descriptor = %+v, want Found", got)
	}
}
