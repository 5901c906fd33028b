package signatures

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// headerSize is the length in bytes of the text before the archive in a container.
const headerSize = 512

// unofficial is what clamd appends to the name of a signature that is in no signed container.
const unofficial = ".UNOFFICIAL"

// bufferSize is the buffer for a line. A name stands at the beginning of its line, so that the rest of a
// longer one is skipped.
const bufferSize = 64 << 10

// readNames calls use with each name in a database file, as clamd reports it. The bytes are valid until
// use returns. A name may come more than once. It reads a container as a stream: memory does not grow
// with the file.
func readNames(ctx context.Context, path string, use func(name []byte)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the names of signatures: %w", err)
	}
	defer f.Close()
	r := &ctxReader{ctx: ctx, r: f}
	if isContainer(path) {
		err = readContainer(r, use)
	} else {
		var full []byte
		err = readDatabase(r, filepath.Ext(path), func(name []byte) {
			full = append(append(full[:0], name...), unofficial...)
			use(full)
		})
	}
	if err != nil {
		return fmt.Errorf("read the names of signatures in %s: %w", filepath.Base(path), err)
	}
	return nil
}

// readContainer reads the databases in a container: a tar, which a .cvd compresses and a .cld mostly
// does not.
func readContainer(r io.Reader, use func([]byte)) error {
	buffered := bufio.NewReaderSize(r, bufferSize)
	if _, err := buffered.Discard(headerSize); err != nil {
		return fmt.Errorf("skip the header: %w", err)
	}
	var archive io.Reader = buffered
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		defer z.Close()
		archive = z
	}
	members := tar.NewReader(archive)
	for {
		m, err := members.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := readDatabase(members, filepath.Ext(m.Name), use); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
}

// readDatabase reads one database, which is no container.
func readDatabase(r io.Reader, ext string, use func([]byte)) error {
	ext = strings.ToLower(ext)
	switch ext {
	case ".yar", ".yara":
		return readRules(r, use)
	case ".cbc":
		n := 0
		return readLines(r, func(line []byte) bool {
			if n++; n == 2 {
				for _, name := range bytecodeNames(line) {
					use(name)
				}
			}
			return n < 2
		})
	}
	format, named := lineFormats[ext]
	if !named {
		return nil
	}
	return readLines(r, func(line []byte) bool {
		if name := format.name(line); len(name) > 0 {
			use(name)
		}
		return true
	})
}

// readLines calls use with the beginning of each line, until it returns false.
func readLines(r io.Reader, use func(line []byte) bool) error {
	buffered := bufio.NewReaderSize(r, bufferSize)
	for {
		line, err := buffered.ReadSlice('\n')
		if len(line) > 0 && !use(line) {
			return nil
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = buffered.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readRules reads the names of YARA rules, which clamd reports with YARA. before them. A name is the
// word that follows the word rule; such words in a comment or a text only add names that no rule has.
func readRules(r io.Reader, use func([]byte)) error {
	words := bufio.NewScanner(r)
	words.Buffer(make([]byte, bufferSize), 1<<20)
	words.Split(splitWords)
	follows := false
	for words.Scan() {
		if follows {
			use(append([]byte("YARA."), words.Bytes()...))
		}
		follows = bytes.Equal(words.Bytes(), []byte("rule"))
	}
	return words.Err()
}

// splitWords is a bufio.SplitFunc for words of letters, digits and underscores.
func splitWords(data []byte, atEOF bool) (advance int, token []byte, err error) {
	start := 0
	for start < len(data) && !wordByte(data[start]) {
		start++
	}
	end := start
	for end < len(data) && wordByte(data[end]) {
		end++
	}
	if end == len(data) && !atEOF {
		return start, nil, nil
	}
	if start == end {
		return end, nil, nil
	}
	return end, data[start:end], nil
}

func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b == '_'
}

// ctxReader returns an error when its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
