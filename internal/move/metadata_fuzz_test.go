package move

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// wellEncoded matches a copy source in which no character of the key can end it, begin a query, or be
// decoded to another character.
var wellEncoded = regexp.MustCompile(
	`\A(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+(\?versionId=(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+)?\z`,
)

// FuzzCopySource checks that S3 decodes the source to the same key and version, and that header values
// have no line breaks.
func FuzzCopySource(f *testing.F) {
	f.Add("in/a+b c.txt", "v1")
	f.Add("año/日本語 100%.tar.gz?versionId=x", "")
	f.Add("../../etc/passwd", "null")
	f.Add("\x00\r\nX-Evil: 1", "\n")
	f.Add(" a%20b%2f ", "v&x=1")
	f.Fuzz(func(t *testing.T, key, version string) {
		o := job.Object{Bucket: "b", Key: key, VersionID: version}
		source := copySource(o, optional(o.Pinned()))
		if !wellEncoded.MatchString(source) {
			t.Fatalf("copySource() = %q, want a well-formed one", source)
		}
		path, query, _ := strings.Cut(source, "?versionId=")
		for name, decode := range map[string]func(string) (string, error){
			"query": url.QueryUnescape, "path": url.PathUnescape,
		} {
			if plain, err := decode(path); err != nil || plain != "b/"+key {
				t.Errorf("key %q is written %q and read, as a %s, %q, %v, want the same", key, path, name, plain, err)
			}
			if v, err := decode(query); err != nil || v != o.Pinned() {
				t.Errorf("version %q is written %q and read, as a %s, %q, %v, want the same", version, query, name, v, err)
			}
		}
		for _, s := range []string{Printable(key), PrintableKey(key)} {
			if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
				t.Errorf("%q has a character that a header cannot have, want none", s)
			}
		}
		if back, err := url.PathUnescape(PrintableKey(key)); err != nil || back != key {
			t.Errorf("key %q is shown as %q, want one that decodes to it", key, PrintableKey(key))
		}
		if back, err := url.PathUnescape(Printable(key)); err != nil || back != strings.Trim(key, " ") {
			t.Errorf("%q is shown as %q, want one that decodes to it", key, Printable(key))
		}
	})
}
