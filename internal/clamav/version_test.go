package clamav

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		printed string
		want    version // zero if an error is expected
	}{
		{"ClamAV 1.4.6\n", version{text: "ClamAV 1.4.6", major: 1, minor: 4}},
		{"ClamAV 1.4.6/27500/Sun Nov 29 09:35:12 2026\n", version{text: "ClamAV 1.4.6", major: 1, minor: 4}},
		{"ClamAV 1.5.0-rc\n", version{text: "ClamAV 1.5.0-rc", major: 1, minor: 5}},
		{"ClamAV 0.103.12\n", version{text: "ClamAV 0.103.12", major: 0, minor: 103}},
		{"WARNING: Failed to set locale\nClamAV 1.4.6\n", version{text: "ClamAV 1.4.6", major: 1, minor: 4}},
		{"WARNING: Failed to set locale\n", version{}},
		{"ClamAV devel-20261129\n", version{}},
		{"ClamAV 15\n", version{}},
		{"clamd: error\n", version{}},
		{"", version{}},
		{"ClamAV 1.4.6\nClamAV 1.5.0\n", version{}},
		{"ClamAV 11111111111111111111.4\n", version{}},
	}
	for _, tt := range tests {
		got, err := parseVersion(tt.printed)
		if got != tt.want || (err == nil) != (tt.want != version{}) {
			t.Errorf("parseVersion(%q) = %+v, %v, want %+v", tt.printed, got, err, tt.want)
		}
	}
	if _, err := parseVersion(strings.Repeat("x", 1<<20)); err == nil || len(err.Error()) > 1000 {
		t.Errorf("parseVersion(a megabyte) = %d bytes of error, want an error of at most 1000", len(err.Error()))
	}
}

func TestVersionAtLeast(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		major, minor int
		want         bool
	}{
		{minor: 103},
		{major: 1, minor: 4},
		{major: 1, minor: 5, want: true},
		{major: 1, minor: 10, want: true},
		{major: 2, want: true},
	} {
		if got := (version{major: tt.major, minor: tt.minor}).atLeast(1, 5); got != tt.want {
			t.Errorf("%d.%d at least 1.5 = %t, want %t", tt.major, tt.minor, got, tt.want)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	v, err := versionOf(need.Clamd(t))
	if err != nil || v.major == 0 && v.minor == 0 {
		t.Errorf("versionOf(clamd) = %+v, %v, want a version", v, err)
	}
	for _, binary := range []string{"/no/clamd", "/bin/false", "/bin/true"} {
		if v, err := versionOf(binary); err == nil {
			t.Errorf("versionOf(%s) = %+v, want an error", binary, v)
		}
	}
}
