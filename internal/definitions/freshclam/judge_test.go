package freshclam

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestRender(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  Config
		root bool
	}{
		{name: "official", cfg: Config{}},
		{name: "mirror", cfg: Config{Mirror: "https://mirror.example/", WholeFiles: true, Attempts: 1}, root: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.cfg.render("/tmp/definitions", tt.root)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", tt.name+".golden.conf")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("render() =\n%swant\n%s", got, want)
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{Mirror: "https://mirror.example/\nLogFile /etc/passwd"},
		{Mirror: "ftp://mirror.example"},
		{Mirror: "mirror.example"},
		{Mirror: "https://a b"},
	} {
		if got, err := cfg.render("/tmp/definitions", false); err == nil {
			t.Errorf("render() of %q =, want an error\n%s", cfg.Mirror, got)
		}
	}
}

// state returns the content of a freshclam.dat.
func state(version uint32, retry int64) []byte {
	data := make([]byte, 90)
	copy(data, "FreshClamData")
	binary.LittleEndian.PutUint32(data[13:], version)
	copy(data[17:], "ea4e54aa-a930-4f5f-a61d-bcd040115332")
	binary.LittleEndian.PutUint64(data[61:], uint64(retry))
	return data
}

func TestParseState(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data []byte
		want time.Time
		fail bool
	}{
		{name: "cool-down", data: state(1, 1795382523), want: time.Unix(1795382523, 0).UTC()},
		{name: "none", data: state(1, 0)},
		{name: "negative", data: state(1, -5)},
		{name: "another version", data: state(2, 1795382523), fail: true},
		{name: "short", data: state(1, 1795382523)[:89], fail: true},
		{name: "long", data: append(state(1, 1795382523), 0), fail: true},
		{name: "another magic", data: []byte(strings.Repeat("x", 90)), fail: true},
		{name: "empty", fail: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseState(tt.data)
			if (err != nil) != tt.fail || !got.Equal(tt.want) {
				t.Errorf("parseState() = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestDecideOutcome has outputs that the real freshclam cannot be made to print with a mirror.
func TestDecideOutcome(t *testing.T) {
	t.Parallel()
	at := func(versions ...int) Headers {
		h := Headers{}
		for i, name := range []string{"daily", "main"}[:len(versions)] {
			h[name] = definitions.Header{Version: versions[i]}
		}
		return h
	}
	tests := []struct {
		name          string
		before, after Headers
		out           freshclamOutput
		want          Outcome
	}{
		{name: "says nothing", before: at(1), after: at(1), want: Failed},
		{
			name:  "says up-to-date and has nothing",
			after: at(),
			out:   freshclamOutput{text: "daily.cvd database is up-to-date"},
			want:  Failed,
		},
		{name: "killed", before: at(1), after: at(1), out: freshclamOutput{code: -1}, want: Failed},
		{name: "killed after one of two", before: at(1, 1), after: at(2, 1), out: freshclamOutput{code: -1}, want: Partial},
		{name: "a database vanished", before: at(1, 1), after: at(2), want: Older},
		{
			name:   "disk full",
			before: at(1),
			after:  at(1),
			out:    freshclamOutput{code: 5, text: "ERROR: write: No space left on device"},
			want:   NoSpace,
		},
		{name: "mirror not synchronised", before: at(1), after: at(1), out: freshclamOutput{code: 12}, want: Behind},
		{
			name:   "announced and not there",
			before: at(1),
			after:  at(1),
			out: freshclamOutput{
				text: "daily database available for update (local version: 1, remote version: 2)\nmain.cvd database is up-to-date",
			},
			want: Behind,
		},
		{name: "unknown code", before: at(1), after: at(1), out: freshclamOutput{code: 99, text: "up-to-date"}, want: Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Report{Before: tt.before, After: tt.after}
			r.decideOutcome(tt.out, time.Time{}, time.Now())
			if r.Outcome != tt.want || r.Detail == "" {
				t.Errorf("outcome is %s (%s), want %s and a detail", r.Outcome, r.Detail, tt.want)
			}
		})
	}
}

func TestFirstErrorIsShort(t *testing.T) {
	t.Parallel()
	out := freshclamOutput{text: "ERROR: \x1b[31m" + strings.Repeat("x", 1000) + "\n"}
	if got := out.firstError(); len(got) != 300 || strings.Contains(got, "\x1b") {
		t.Errorf("firstError() = %q, want 300 bytes without escape characters", got)
	}
}
