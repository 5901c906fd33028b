package clamav

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestRender(t *testing.T) {
	t.Parallel()
	for golden, v := range map[string]version{
		"testdata/clamd-1.4.conf": {major: 1, minor: 4},
		"testdata/clamd-1.5.conf": {major: 1, minor: 5},
	} {
		got, err := Config{}.withDefaults().render(v, "/mnt/definitions/generations/5adecd9c", "/tmp/clamd-1/tmp")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/a b", "/a\nUser root", "/a#b", `/a"b`, "/a\tb"} {
		if conf, err := (Config{}).withDefaults().render(version{major: 1, minor: 4}, path, "/tmp"); err == nil {
			t.Errorf("render(%q) wrote %q, want an error", path, conf)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{name: "defaults", change: func(*Config) {}},
		{
			name:   "unpacked beyond the engine's reach",
			change: func(c *Config) { c.Limits.Unpacked = maxUnpacked + 1 },
			want:   "Unpacked",
		},
		{name: "nothing unpacked", change: func(c *Config) { c.Limits.Unpacked = 0 }, want: "Unpacked"},
		{name: "no files would be no limit", change: func(c *Config) { c.Limits.Files = 0 }, want: "Files"},
		{name: "no recursion", change: func(c *Config) { c.Limits.Recursion = 0 }, want: "Recursion"},
		{name: "deeper than libclamav can", change: func(c *Config) { c.Limits.Recursion = 101 }, want: "Recursion"},
		{
			name:   "less than a millisecond is no limit",
			change: func(c *Config) { c.Limits.ScanTime = time.Microsecond },
			want:   "ScanTime",
		},
		{name: "negative threads", change: func(c *Config) { c.Threads = -1 }, want: "Threads"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Config{}.withDefaults()
			tt.change(&c)
			err := c.validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("validate() = %v, want %q in it", err, tt.want)
			}
		})
	}
}
