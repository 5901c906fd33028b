package definitions

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// headerSize is the length in bytes of the text before the archive in a .cvd or .cld:
// https://docs.clamav.net/manual/Signatures.html ("Signature database container format")
const headerSize = 512

const headerMagic = "ClamAV-VDB:"

// Header is the first 512 bytes of a .cvd or .cld. They decide whether a set is newer, because
// freshclam's exit status is also 0 in many cases in which nothing was updated.
type Header struct {
	Built           time.Time // UTC
	Version         int       // a newer one is greater
	Signatures      int       // number of signatures
	FunctionalLevel int       // the lowest level of an engine that can use all signatures
	Builder         string    // name of the builder
}

// ReadHeader reads the header of a container. It does not verify the container's signature; the engine
// does when it loads the container.
func ReadHeader(r io.Reader) (Header, error) {
	buf := make([]byte, headerSize)
	if _, err := io.ReadFull(r, buf); err != nil {
		return Header{}, fmt.Errorf("read container header: %w", err)
	}
	return parseHeader(buf)
}

// parseHeader reads the fields, which are separated by colons and filled up with blanks: magic, build
// time, version, signatures, functional level, MD5, digital signature, builder and, since 2009, the
// build time in seconds.
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
		{into: &h.Version, name: "version", text: fields[1]},
		{into: &h.Signatures, name: "number of signatures", text: fields[2]},
		{into: &h.FunctionalLevel, name: "functional level", text: fields[3]},
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
	if year := built.Year(); year < 1 || year > 9999 { // RFC 3339 has no other years
		return Header{}, fmt.Errorf("parse container header: build time in the year %d", year)
	}
	h.Built = built
	return h, nil
}

// buildTime returns the build time. It uses the seconds if there are any; the text has only minutes,
// with a dash instead of the colon, which would end the field.
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
