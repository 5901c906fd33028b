package job_test

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

// TestAddress checks that an address can be pasted: a real shell reads it, and ParseAddress reads what
// the shell passes on.
func TestAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		object job.Object
		want   string
	}{
		{name: "plain", object: job.Object{Bucket: "b", Key: "in/a.txt"}, want: "s3://b/in/a.txt"},
		{
			name:   "a version",
			object: job.Object{Bucket: "b", Key: "a", VersionID: "3HL4.kq_t"},
			want:   "'s3://b/a?versionId=3HL4.kq_t'",
		},
		{name: "a space", object: job.Object{Bucket: "b", Key: "a b", VersionID: "v"}, want: "'s3://b/a b?versionId=v'"},
		{name: "a quote", object: job.Object{Bucket: "b", Key: "it's", VersionID: "v"}, want: `'s3://b/it'\''s?versionId=v'`},
		{
			name:   "what shells expand",
			object: job.Object{Bucket: "b", Key: "$HOME `id` *!#&;|<>(){}~\\"},
			want:   "'s3://b/$HOME `id` *!#&;|<>(){}~\\'",
		},
		{name: "letters of the world", object: job.Object{Bucket: "b", Key: "日本 ñ"}, want: "'s3://b/日本 ñ'"},
		{
			name:   "control characters",
			object: job.Object{Bucket: "b", Key: "a\x1b[31m'\\\n\u202eé"},
			want:   `$'s3://b/a\x1b[31m\'\\\x0a\xe2\x80\xaeé'`,
		},
		{name: "an at sign is part of the key", object: job.Object{Bucket: "b", Key: "a@v"}, want: "s3://b/a@v"},
		{
			name:   "a key with the mark",
			object: job.Object{Bucket: "b", Key: "a?versionId=x", VersionID: "v"},
			want:   "'s3://b/a?versionId=x?versionId=v'",
		},
		{
			name:   "a key with the mark, without versions",
			object: job.Object{Bucket: "b", Key: "a?versionId=x"},
			want:   "'s3://b/a?versionId=x?versionId=null'",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := test.object.String()
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			word, err := exec.CommandContext(t.Context(), "bash", "-c", "printf %s "+got).Output()
			if err != nil {
				t.Fatal(err)
			}
			back, err := job.ParseAddress(string(word))
			if err != nil || !back.Same(test.object) {
				t.Errorf("pasted, %s is %+v, %v, want %+v", got, back, err, test.object)
			}
		})
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		uri  string
		want job.Object // zero if an error is expected
	}{
		{"s3://b/k", job.Object{Bucket: "b", Key: "k"}},
		{"s3://b/a b/c%20d+e?f=g", job.Object{Bucket: "b", Key: "a b/c%20d+e?f=g"}},
		{"s3://b//k", job.Object{Bucket: "b", Key: "/k"}},
		{"s3://b/k?versionId=v.1_x", job.Object{Bucket: "b", Key: "k", VersionID: "v.1_x"}},
		{"s3://b/k?versionId=null", job.Object{Bucket: "b", Key: "k", VersionID: "null"}},
		{"s3://b/k?versionId=", job.Object{}},
		{"s3://b/?versionId=v", job.Object{}},
		{"s3://b/", job.Object{}},
		{"s3://b", job.Object{}},
		{"s3:///k", job.Object{}},
		{"https://b/k", job.Object{}},
		{"", job.Object{}},
	}
	for _, tt := range tests {
		t.Run(tt.uri, func(t *testing.T) {
			t.Parallel()
			got, err := job.ParseAddress(tt.uri)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != (tt.want == job.Object{}) {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}
