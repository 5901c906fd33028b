package decision

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	sum = strings.Repeat("ab", 32)
	at  = time.Date(2026, 11, 30, 7, 0, 0, 123, time.UTC)
)

func release(n int, signature string) Release {
	return Release{
		By: "arn:aws:iam::111122223333:user/anna", Reason: "a false positive", Time: at, Signature: signature,
		Original: fmt.Sprintf("s3://uploads/a?versionId=%d", n), Copy: fmt.Sprintf("s3://quarantine/b?versionId=%d", n),
	}
}

// TestFormats holds the documents in the records bucket, and what the command and the function exchange, to golden
// files.
func TestFormats(t *testing.T) {
	t.Parallel()
	allowed := (*Allowed)(nil).Add(sum, release(1, "Win.Test.Wrong-1"), at.Add(DefaultTime))
	for name, v := range map[string]any{
		"allowed": allowed,
		"blocked": Blocked{Version: Version, SHA256: sum, By: "anna", Reason: "malware", Time: at},
		"index":   Index{Version: Version, SHA256: []string{sum}},
		"record": Record{
			Version: Version, Decision: DecidedRelease, SHA256: sum, By: "anna", Reason: "a false positive", Time: at,
			Signature: "Win.Test.Wrong-1", Signatures: allowed.Signatures, Expires: &allowed.Expires,
			Original: allowed.Releases[0].Original, Copy: allowed.Releases[0].Copy, Object: "s3://uploads/a?versionId=3",
			Overwritten: "s3://uploads/a?versionId=2",
		},
		"request": Request{
			Action: ActionRelease, Bucket: "quarantine", Key: "b", VersionID: "1", Reason: "a false positive", By: "anna",
			Seconds: 60, Overwrite: true, DryRun: true, Signature: "Win.Test.Wrong-1", SHA256: sum, Next: "token",
		},
	} {
		got, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".golden.json")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	entry := (*Allowed)(nil).Add(sum, release(1, "A"), at.Add(time.Hour))
	tests := []struct {
		name           string
		entry          *Allowed
		sum, signature string
		now            time.Time
		want           bool
	}{
		{name: "it", entry: &entry, sum: sum, signature: "A", now: at, want: true},
		{name: "no entry", sum: sum, signature: "A", now: at},
		{name: "another signature", entry: &entry, sum: sum, signature: "B", now: at},
		{name: "another content", entry: &entry, sum: strings.Repeat("cd", 32), signature: "A", now: at},
		{name: "the last moment", entry: &entry, sum: sum, signature: "A", now: at.Add(time.Hour - 1), want: true},
		{name: "expired", entry: &entry, sum: sum, signature: "A", now: at.Add(time.Hour)},
	}
	for _, tt := range tests {
		if got := tt.entry.Covers(tt.sum, tt.signature, tt.now); got != tt.want {
			t.Errorf("%s: Covers() = %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestAdd checks what an entry keeps of what was there.
func TestAdd(t *testing.T) {
	t.Parallel()
	first := (*Allowed)(nil).Add(sum, release(1, "B"), at.Add(2*time.Hour))
	second := first.Add(sum, release(2, "A"), at.Add(time.Hour))
	if !slices.Equal(second.Signatures, []string{"A", "B"}) || !second.Expires.Equal(at.Add(2*time.Hour)) ||
		len(second.Releases) != 2 {
		t.Errorf("got %+v, want both signatures and releases, and the later expiry", second)
	}
	if again := second.Add(sum, release(2, "A"), at.Add(time.Hour)); len(again.Releases) != 2 {
		t.Errorf("got %d releases, want one for each copy", len(again.Releases))
	}
	late := release(3, "C")
	late.Time = at.Add(2 * time.Hour)
	if got := second.Add(sum, late, at.Add(9*time.Hour)); !slices.Equal(got.Signatures, []string{"C"}) ||
		len(got.Releases) != 1 {
		t.Errorf("got %+v, want nothing of an expired entry", got)
	}
	many := Allowed{SHA256: sum, Expires: at.Add(time.Hour)}
	for i := range MaxReleases + 5 {
		many = many.Add(sum, release(i, "A"), at.Add(time.Hour))
	}
	if n := len(many.Releases); n != MaxReleases || many.Releases[n-1] != release(MaxReleases+4, "A") {
		t.Errorf("got %d releases, want the last %d", n, MaxReleases)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	good, err := Encode((*Allowed)(nil).Add(sum, release(1, "A"), at))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeAllowed(good, sum); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{}", "null", `{"version":2,"sha256":"` + sum + `"}`} {
		if got, err := DecodeAllowed([]byte(bad), sum); err == nil {
			t.Errorf("%q is read as %+v, want an error", bad, got)
		}
		if got, err := DecodeIndex([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v, want an error", bad, got)
		}
	}
	if got, err := DecodeAllowed(good, strings.Repeat("cd", 32)); err == nil {
		t.Errorf("the entry of another content is read as %+v, want an error", got)
	}
	index, err := DecodeIndex([]byte(`{"version":1,"sha256":["b","a"]}`))
	if err != nil || !index.Has("a") || !index.Has("b") || index.Has("c") {
		t.Errorf("got %+v, %v, want a and b", index, err)
	}
}

// TestRecordKey checks that keys are in the order of time.
func TestRecordKey(t *testing.T) {
	t.Parallel()
	keys := []string{RecordKey(at, sum), RecordKey(at.Add(1), sum), RecordKey(at.Add(time.Second), sum)}
	if !slices.IsSorted(keys) || keys[0] == keys[1] {
		t.Errorf("keys %q, want them in the order of time", keys)
	}
}
