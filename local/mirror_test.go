package local

import (
	"slices"
	"testing"

	"github.com/lazaret/lazaret/local/template"
)

// TestMirrorIsAskedOnWishAlone holds which mirror the freshclam function sees:
// without a wish none, whatever the template says.
func TestMirrorIsAskedOnWishAlone(t *testing.T) {
	t.Parallel()
	f := template.Function{Environment: map[string]string{databaseMirror: "https://database.clamav.net"}}
	tests := []struct {
		name   string
		config Config
		want   []string
	}{
		{name: "test definitions", config: Config{Definitions: TestDefinitions}, want: []string{"DATABASE_MIRROR=" + noMirror}},
		{name: "no definitions", config: Config{Definitions: NoDefinitions}, want: []string{"DATABASE_MIRROR=" + noMirror}},
		{name: "official", config: Config{Definitions: OfficialDefinitions}},
		{name: "a mirror", config: Config{Definitions: TestDefinitions, Mirror: "http://127.0.0.1:1"}, want: []string{"DATABASE_MIRROR=http://127.0.0.1:1"}},
		{name: "a parameter", config: Config{Parameters: map[string]string{mirrorParameter: "http://127.0.0.1:1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &Stack{config: tt.config}
			if got := s.mirror(f); !slices.Equal(got, tt.want) {
				t.Errorf("mirror() = %q, want %q", got, tt.want)
			}
			if got := s.mirror(template.Function{}); got != nil {
				t.Errorf("another function gets %q", got)
			}
		})
	}
}
