package provision

import (
	"slices"
	"testing"

	"github.com/lazaret/lazaret/local/template"
)

// Without a flag or a parameter, the freshclam function has no mirror, whatever the template says.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	f := template.Function{Environment: map[string]string{databaseMirror: "https://database.clamav.net"}}
	tests := []struct {
		name   string
		source Source
		want   []string
	}{
		{name: "test definitions", source: Source{Definitions: Test}, want: []string{"DATABASE_MIRROR=" + noMirror}},
		{name: "no definitions", source: Source{Definitions: None}, want: []string{"DATABASE_MIRROR=" + noMirror}},
		{name: "official", source: Source{Definitions: Official}},
		{
			name: "a mirror", source: Source{Definitions: Test, Mirror: "http://127.0.0.1:1"},
			want: []string{"DATABASE_MIRROR=http://127.0.0.1:1"},
		},
		{name: "a parameter", source: Source{ParameterSet: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.source.Environment(f); !slices.Equal(got, tt.want) {
				t.Errorf("Environment: got %q, want %q", got, tt.want)
			}
			if got := tt.source.Environment(template.Function{}); got != nil {
				t.Errorf("another function: got %q, want nothing", got)
			}
		})
	}
}
