package definitions

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// headerSize is the length of the text header in front of the archive inside
// a .cvd or .cld (https://docs.clamav.net/manual/Signatures.html, "Signature
// database container format").
const headerSize = 512

const headerMagic = "ClamAV-VDB:"

// Header is what the first 512 bytes of a .cvd or .cld say about it. Only
// these bytes are trusted for freshness: freshclam's exit status is 0 in many
// cases in which nothing was updated.
type Header struct {
	Built           time.Time // when the set was built, UTC
	Version         int       // counts up with every release of the set
	Signatures      int       // how many signatures it holds
	FunctionalLevel int       // the least engine level which can use all of it
	Builder         string    // who built it
}

// ReadHeader reads and parses the header of a database container. It does not
// verify the container's digital signature: the engine does so when it loads.
func ReadHeader(r io.Reader) (Header, error) {
	buf := make([]byte, headerSize)
	if _, err := io.ReadFull(r, buf); err != nil {
		return Header{}, fmt.Errorf("read container header: %w", err)
	}
	return parseHeader(buf)
}

// parseHeader takes the fields, which are separated by colons and padded with
// blanks: magic, build time, version, signatures, functional level, MD5,
// digital signature, builder and, since 2009, the build time in seconds.
func parseHeader(buf []byte) (Header, error) {
	text, ok := bytes.CutPrefix(buf, []byte(headerMagic))
	if !ok {
		return Header{}, fmt.Errorf("parse container header: no %q at its start", headerMagic)
	}
	fields := strings.Split(strings.TrimRight(string(text), " \n\x00"), ":")
	if len(fields) < 7 {
		return Header{}, fmt.Errorf("parse container header: %d fields, want 7 or more", len(fields))
	}
	var h Header
	for _, f := range []struct {
		into *int
		name string
		text string
	}{
		{&h.Version, "version", fields[1]},
		{&h.Signatures, "number of signatures", fields[2]},
		{&h.FunctionalLevel, "functional level", fields[3]},
	} {
		n, err := strconv.ParseUint(f.text, 10, 31)
		if err != nil {
			return Header{}, fmt.Errorf("parse container header: %s: %w", f.name, err)
		}
		*f.into = int(n)
	}
	h.Builder = fields[6]
	built, err := buildTime(fields)
	if err != nil {
		return Header{}, fmt.Errorf("parse container header: build time: %w", err)
	}
	if year := built.Year(); year < 1 || year > 9999 { // nothing else can be written down in RFC 3339
		return Header{}, fmt.Errorf("parse container header: build time in the year %d", year)
	}
	h.Built = built
	return h, nil
}

// buildTime prefers the seconds, which are exact; the text has minutes only
// and a dash in place of the colon that would end its field.
func buildTime(fields []string) (time.Time, error) {
	if len(fields) > 7 {
		sec, err := strconv.ParseUint(fields[7], 10, 40)
		if err != nil {
			return time.Time{}, err
		}
		return time.Unix(int64(sec), 0).UTC(), nil
	}
	t, err := time.Parse("02 Jan 2006 15-04 -0700", fields[0])
	return t.UTC(), err
}
