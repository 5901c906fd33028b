package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lazaret/lazaret/internal/definitions"
)

// collection is a kind of signature, and how many of it the official set has.
type collection struct {
	file  string
	count int
	line  func(*signatures) []byte
}

// collections returns the kinds of which the official set (main and daily, as of November 2025) has many. Hashes
// determine the memory and the time to load; patterns (ndb) and logical signatures (ldb) determine the time of a scan.
// The number of logical signatures is not published: with 79,200 the engine needs 1.2 GB, as ClamAV's documents say.
// Formats: https://docs.clamav.net/manual/Signatures.html
func collections() []collection {
	return []collection{
		{file: "bench.hdb", count: 290_000, line: func(s *signatures) []byte { return s.fileHash(16) }},
		{file: "bench.hsb", count: 2_400_000, line: func(s *signatures) []byte { return s.fileHash(32) }},
		{file: "bench.mdb", count: 5_630_000, line: func(s *signatures) []byte { return s.sectionHash(16) }},
		{file: "bench.msb", count: 70_000, line: func(s *signatures) []byte { return s.sectionHash(32) }},
		{file: "bench.ndb", count: 100_000, line: (*signatures).pattern},
		{file: "bench.ldb", count: 79_200, line: (*signatures).logical},
	}
}

// writeSignatures writes a share of a set with the size and the kinds of the official one. The set detects EICAR, by
// the test signature, and no real file.
func writeSignatures(dir string, share float64) error {
	if err := definitions.WriteTest(dir); err != nil {
		return err
	}
	s := &signatures{random: rand.New(rand.NewPCG(1, 2))}
	for _, c := range collections() {
		if err := s.write(filepath.Join(dir, c.file), max(1, int(float64(c.count)*share)), c.line); err != nil {
			return fmt.Errorf("write signatures: %w", err)
		}
	}
	return nil
}

// signatures generates lines, each in buf.
type signatures struct {
	random *rand.Rand
	serial int
	buf    []byte
}

func (s *signatures) write(path string, n int, line func(*signatures) []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for range n {
		s.buf = s.buf[:0]
		if _, err := w.Write(append(line(s), '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

// fileHash generates hash:size:name.
func (s *signatures) fileHash(width int) []byte {
	s.hex(width, anyByte)
	s.text(":").number(s.between(600, 12e6)).text(":")
	return s.name().buf
}

// sectionHash generates size:hash:name, of a section of a Windows program. Sizes of sections are multiples of 512.
func (s *signatures) sectionHash(width int) []byte {
	s.number(512 * (1 + s.between(512, 4e6)/512)).text(":")
	s.hex(width, anyByte).text(":")
	return s.name().buf
}

// pattern generates name:target:offset:bytes with up to three wildcards. Target 0 is any file, 1 a Windows program, and
// the others are kinds of document.
func (s *signatures) pattern() []byte {
	s.name().text(":").text(s.one("0", "0", "1", "1", "1", "1", "1", "2", "3", "4", "6", "7")).text(":*:")
	draw := s.alphabet()
	s.hex(16+s.random.IntN(80), draw)
	for range s.random.IntN(4) {
		s.text(s.one("????", "*", "{4-40}", "{12}")).hex(8+s.random.IntN(30), draw)
	}
	return s.buf
}

// logical generates name;target;expression;patterns, of which all two to six must match.
func (s *signatures) logical() []byte {
	parts := 2 + s.random.IntN(5)
	s.name().text(";Engine:81-255,Target:").text(
		s.one("0", "1", "1", "1", "1", "1", "1", "2", "3", "5", "6", "7"),
	).text(";0")
	for i := 1; i < parts; i++ {
		s.text("&").number(i)
	}
	for range parts {
		s.text(";").hex(10+s.random.IntN(26), s.alphabet())
	}
	return s.buf
}

func (s *signatures) name() *signatures {
	s.serial++
	return s.text("Win.Malware.Bench-").number(1_000_000 + s.serial).text("-0")
}

func (s *signatures) text(t string) *signatures {
	s.buf = append(s.buf, t...)
	return s
}

func (s *signatures) number(n int) *signatures {
	s.buf = strconv.AppendInt(s.buf, int64(n), 10)
	return s
}

// hex appends n bytes in hexadecimal digits. Each is a random byte, mapped by draw.
func (s *signatures) hex(n int, draw func(byte) byte) *signatures {
	const digits = "0123456789abcdef"
	var bits uint64
	for i := range n {
		if i%8 == 0 {
			bits = s.random.Uint64()
		}
		b := draw(byte(bits))
		bits >>= 8
		s.buf = append(s.buf, digits[b>>4], digits[b&15])
	}
	return s
}

// between returns a random number that is as likely in each order of magnitude, like the size of a file.
func (s *signatures) between(low, high float64) int {
	return int(low * math.Exp(s.random.Float64()*math.Log(high/low)))
}

func (s *signatures) one(of ...string) string { return of[s.random.IntN(len(of))] }

// alphabet returns the function that maps random bytes to the bytes of a pattern. Most signatures are of text and
// machine code, in which few bytes are frequent; that makes the tree of clamd's matcher deep and uneven.
func (s *signatures) alphabet() func(byte) byte {
	switch s.random.IntN(10) {
	case 0, 1, 2, 3, 4:
		return letter
	case 5:
		return anyByte
	}
	return code
}

func anyByte(b byte) byte { return b }

func letter(b byte) byte {
	const frequent = "eeeeeeetttttaaaaooooiiiinnnnsssshhhrrrdddlllccuummwwffggyypbvk./"
	return frequent[int(b)%len(frequent)]
}

func code(b byte) byte {
	const frequent = "\x8b\x89\x55\xec\xe8\xff\x15\x83\xc4\x50\x51\x6a\x68\x33\xc0\x74\x75\x85\x0f\x8d\x4d\x45\xfc\xf8" +
		"\x5d\xc3\xeb\x24\x00\x00\x00\x00"
	if b < 32 {
		return 7*b + 1 // an operand
	}
	return frequent[int(b)%len(frequent)]
}
