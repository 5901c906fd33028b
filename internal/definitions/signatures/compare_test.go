package signatures

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// ndb returns a database with these names.
func ndb(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + ":0:*:6162\n")
	}
	return b.String()
}

// TestCompare checks which names are new.
func TestCompare(t *testing.T) {
	t.Parallel()
	daily := func(build string, names ...string) string {
		return container(t, build, "daily.ndb", ndb(names...), true)
	}
	main := container(t, "7", "main.ndb", ndb("In.Main"), true)
	for _, tt := range []struct {
		name     string
		old, new map[string]string
		want     []string
	}{
		{
			name: "an update", old: map[string]string{"main.cvd": main, "daily.cvd": daily("1", "A", "B")},
			new: map[string]string{"main.cvd": main, "daily.cvd": daily("2", "B", "C", "C")}, want: []string{"C"},
		},
		{
			name: "a container becomes a .cld", old: map[string]string{"daily.cvd": daily("1", "A")},
			new:  map[string]string{"daily.cld": container(t, "2", "daily.ndb", ndb("A", "C"), false)},
			want: []string{"C"},
		},
		{
			name: "a signature moves from another container",
			old:  map[string]string{"main.cvd": main, "daily.cvd": daily("1", "A")},
			new:  map[string]string{"main.cvd": main, "daily.cvd": daily("2", "A", "In.Main", "C")}, want: []string{"C"},
		},
		{
			name: "a signature moves to another container",
			old:  map[string]string{"main.cvd": main, "daily.cvd": daily("1", "A", "B")},
			new: map[string]string{
				"main.cvd": container(t, "8", "main.ndb", ndb("In.Main", "A"), true), "daily.cvd": daily("2", "B"),
			},
		},
		{
			name: "an own signature", old: map[string]string{"daily.cvd": daily("1", "A"), "own.ndb": ndb("Mine")},
			new:  map[string]string{"daily.cvd": daily("1", "A"), "own.ndb": ndb("Mine", "Other")},
			want: []string{"Other.UNOFFICIAL"},
		},
		{
			name: "a file of the same size", old: map[string]string{"own.ndb": ndb("Mine")},
			new: map[string]string{"own.ndb": ndb("Also")}, want: []string{"Also.UNOFFICIAL"},
		},
		{
			name: "an own signature with an official name", old: map[string]string{"daily.cvd": daily("1", "A")},
			new:  map[string]string{"daily.cvd": daily("1", "A"), "own.ndb": ndb("A")},
			want: []string{"A.UNOFFICIAL"},
		},
		{
			name: "the same", old: map[string]string{"daily.cvd": daily("1", "A")},
			new: map[string]string{"daily.cvd": daily("1", "A")},
		},
		{
			name: "a signature is withdrawn", old: map[string]string{"daily.cvd": daily("1", "A", "B")},
			new: map[string]string{"daily.cvd": daily("2", "A")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Compare(t.Context(), write(t, tt.old), write(t, tt.new), now)
			if err != nil {
				t.Fatal(err)
			}
			want := List{Batch: Batch{FirstSeen: now, Names: tt.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEarlier checks that a list keeps what came less than a day ago, with its time.
func TestEarlier(t *testing.T) {
	t.Parallel()
	young := Batch{FirstSeen: now.Add(-3 * time.Hour), Names: []string{"Young"}}
	old := write(t, map[string]string{"own.ndb": ndb("A")})
	err := List{
		Batch: young, Earlier: []Batch{{FirstSeen: now.Add(-24 * time.Hour), Names: []string{"Yesterday"}}},
	}.Write(old)
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{"own.ndb": ndb("A", "B")})
	got, err := Compare(t.Context(), old, dir, now)
	if err != nil {
		t.Fatal(err)
	}
	want := List{Batch: Batch{FirstSeen: now, Names: []string{"B.UNOFFICIAL"}}, Earlier: []Batch{young}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if err := got.Write(dir); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	if err := Renew(dir, later); err != nil {
		t.Fatal(err)
	}
	read, err := Read(dir)
	if first, isNew := read.IsNew("B.UNOFFICIAL", later.Add(NewFor-1)); err != nil || !isNew || !first.Equal(later) {
		t.Errorf("after Renew: %s, %t, %v, want %s", first, isNew, err, later)
	}
	if diff := cmp.Diff([]Batch{young}, read.Earlier); diff != "" {
		t.Errorf("earlier after Renew (-want +got):\n%s", diff)
	}
}

// TestNoList checks what a generation without a list, and one with a damaged list, are.
func TestNoList(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"own.ndb": ndb("A")})
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read() = %v, want fs.ErrNotExist", err)
	}
	if err := Renew(dir, now); err != nil {
		t.Errorf("Renew() = %v, want no error", err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(`{"names":`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(t.Context(), dir, dir, now); err == nil {
		t.Error("Compare() with a damaged list: got no error, want one")
	}
}

// TestOtherSet checks that another set of definitions does not count as new.
func TestOtherSet(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range maxNew + 1 {
		fmt.Fprintf(&b, "Other-%d:0:*:61\n", i)
	}
	old, dir := write(t, map[string]string{"own.ndb": ndb("A")}), write(t, map[string]string{"own.ndb": b.String()})
	if _, err := Compare(t.Context(), old, dir, now); !errors.Is(err, ErrOtherSet) {
		t.Errorf("Compare() = %v, want ErrOtherSet", err)
	}
}
