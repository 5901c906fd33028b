package job

import (
	"fmt"
	"strings"
	"unicode"
)

// versionMark separates the key from the version id in an address.
const versionMark = "?versionId="

// String returns the object's address for errors, logs and everything else that people read:
// s3://bucket/key?versionId=version. It is quoted for a shell where that is needed, so that it can be
// pasted into a command.
func (o Object) String() string { return shellQuote(o.Address()) }

// Address returns the object's address without quotes, for programs.
func (o Object) Address() string {
	address := "s3://" + o.Bucket + "/" + o.Key
	switch v := o.Pinned(); {
	case v != "":
		address += versionMark + v
	case strings.Contains(o.Key, versionMark):
		address += versionMark + "null" // otherwise ParseAddress would take the end of the key for a version id
	}
	return address
}

// ParseAddress reads an address without quotes, as a command gets it from the shell. The key is not
// URL-decoded.
func ParseAddress(address string) (Object, error) {
	rest, isS3 := strings.CutPrefix(address, "s3://")
	bucket, key, slash := strings.Cut(rest, "/")
	version := ""
	if i := strings.LastIndex(key, versionMark); i >= 0 {
		if version = key[i+len(versionMark):]; version == "" {
			return Object{}, fmt.Errorf("read %q: versionId is empty", address)
		}
		key = key[:i]
	}
	if !isS3 || !slash || bucket == "" || key == "" {
		return Object{}, fmt.Errorf("read %q: want s3://bucket/key or s3://bucket/key?versionId=version", address)
	}
	return Object{Bucket: bucket, Key: key, VersionID: version}, nil
}

// Quote returns s as one word of bash or zsh, on one line, for commands that people paste.
func Quote(s string) string { return shellQuote(s) }

// shellQuote returns s as one word of bash or zsh, on one line.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:@%+,=", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	if strings.IndexFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) < 0 {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	// Control characters could change what a terminal shows: write them as ANSI-C
	// escapes, byte by byte.
	var b strings.Builder
	b.WriteString("$'")
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	b.WriteString("'")
	return b.String()
}

// String returns the address of the copy, in the form of Object.String.
func (c Copy) String() string {
	return Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}.String()
}
