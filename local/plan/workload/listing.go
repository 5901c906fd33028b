package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxLine is the longest line of a listing, in bytes: a key has at most 1,024, and each may be escaped.
const maxLine = 64 << 10

// ErrEmpty is a listing without an object.
var ErrEmpty = errors.New("it lists no object")

// ReadListing reads what `aws s3api list-objects-v2` or `aws s3 ls --recursive` printed. It tells them apart by the
// first character. Objects whose names end in a slash and that are empty count too, because they are scanned.
func ReadListing(r io.Reader) (*Objects, error) {
	in := bufio.NewReaderSize(r, maxLine)
	first, err := firstCharacter(in)
	if errors.Is(err, io.EOF) {
		return nil, ErrEmpty
	}
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	o := &Objects{}
	if first == '{' || first == '[' {
		err = o.readJSON(in)
	} else {
		err = o.readText(in)
	}
	if err != nil {
		return nil, err
	}
	if n, _ := o.Total(); n == 0 {
		return nil, ErrEmpty
	}
	return o, nil
}

// firstCharacter returns the first byte that is no space, without reading it, and skips a byte order mark.
func firstCharacter(in *bufio.Reader) (byte, error) {
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(len(mark))
	}
	for n := 1; n <= maxLine; n++ {
		head, err := in.Peek(n)
		if len(head) < n {
			return 0, err
		}
		if c := head[n-1]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
	}
	return 0, errors.New("it begins with nothing but spaces")
}

// listed is an entry of Contents.
type listed struct {
	Key          *string
	Size         json.Number
	LastModified string
	StorageClass string
}

// readJSON reads one or more answers of ListObjectsV2, or arrays of their Contents.
func (o *Objects) readJSON(r io.Reader) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	for page := 1; ; page++ {
		err := o.readPage(d)
		if errors.Is(err, io.EOF) && page > 1 {
			return nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read the listing, near byte %d: %w", d.InputOffset(), err)
		}
	}
}

// readPage reads one answer. Entries are decoded one by one, however many there are.
func (o *Objects) readPage(d *json.Decoder) error {
	begin, err := d.Token()
	if err != nil {
		return err
	}
	switch begin {
	case json.Delim('['):
		return o.readContents(d)
	case json.Delim('{'):
	default:
		return fmt.Errorf("want the answer of list-objects-v2, got %v", begin)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name != "Contents" {
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return err
			}
			continue
		}
		begin, err := d.Token()
		if err != nil {
			return err
		}
		if begin == nil { // null
			continue
		}
		if begin != json.Delim('[') {
			return fmt.Errorf("want an array as Contents, got %v", begin)
		}
		if err := o.readContents(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of the object
	return err
}

// readContents reads the entries of an array that has begun, and its end.
func (o *Objects) readContents(d *json.Decoder) error {
	for d.More() {
		var e listed
		if err := d.Decode(&e); err != nil {
			return err
		}
		size, err := strconv.ParseInt(e.Size.String(), 10, 64)
		if e.Key == nil || err != nil {
			return fmt.Errorf("want an entry with Key and Size, got the size %q", e.Size)
		}
		modified, _ := time.Parse(time.RFC3339, e.LastModified) // without one, no rate is known
		if err := o.Add(size, modified, archived(e.StorageClass)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// archived reports whether objects of a storage class must be restored before they can be read.
func archived(storageClass string) bool {
	return storageClass == "GLACIER" || storageClass == "DEEP_ARCHIVE"
}

// readText reads lines such as "2026-11-29 18:45:21      10000 invoices/a.pdf". The dates are of the computer that
// listed, whose time zone is not known: an hour does not matter for a rate a day.
func (o *Objects) readText(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == "Total" && strings.HasSuffix(strings.Join(fields[:min(2, len(fields))], " "), ":"):
			continue // --summarize: "Total Objects: 3", "Total Size: 30000"
		case fields[0] == "PRE":
			return fmt.Errorf("line %d names a folder: list with aws s3 ls --recursive", n)
		case len(fields) < 4:
			return fmt.Errorf("line %d: want date, time, size and key, got %q", n, shorten(line))
		}
		modified, err := time.Parse(time.DateTime, fields[0]+" "+fields[1])
		if err != nil {
			return fmt.Errorf("line %d: want date, time, size and key, got %q", n, shorten(line))
		}
		size, err := parseListed(fields[2:])
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := o.Add(size, modified, false); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the listing: %w", err)
	}
	return nil
}

// parseListed reads the size of a line: "10000", or "9.8 KiB" of --human-readable, whose unit is the next field. A key
// may begin with a word that is a unit: --human-readable prints every size but that in bytes with a decimal.
func parseListed(fields []string) (int64, error) {
	number, unit := fields[0], fields[1]
	size, err := strconv.ParseInt(number, 10, 64)
	if err == nil && size >= 0 {
		return size, nil // also of "500 Bytes"
	}
	if len(fields) > 2 && strings.Contains(number, ".") && strings.HasSuffix(unit, "iB") {
		if size, err := ParseSize(number + unit); err == nil {
			return size, nil
		}
	}
	return 0, fmt.Errorf("size %q: want a number of bytes, or one such as 9.8 KiB", shorten(number))
}

// units are the units of sizes, in bytes. Upper case does not matter.
var units = map[string]float64{
	"": 1, "b": 1, "byte": 1, "bytes": 1,
	"k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseSize reads a size such as "10KB", "1.5 MiB" or "20000" and returns bytes. KB is 1,000 bytes, KiB is 1,024.
func ParseSize(s string) (int64, error) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	value, err := strconv.ParseFloat(s[:end], 64)
	unit, known := units[strings.ToLower(strings.TrimSpace(s[end:]))]
	if err != nil || !known || math.IsInf(value, 0) || value*unit > MaxSize {
		return 0, fmt.Errorf("size %q: want a number of bytes, or one such as 10KB, 1.5MiB, 2GB, at most 50TB", shorten(s))
	}
	return int64(math.Round(value * unit)), nil
}

// shorten returns the beginning of a text that may be of any length.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
