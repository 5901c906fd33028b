package endtoend

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

const (
	// bombMemory bounds the memory of scan and clamd together. ScanMemory is 3,008 MiB, of which definitions of the
	// official size need a part.
	bombMemory = 1200 << 20
	// bombDisk bounds the files in /tmp. EphemeralStorage is 10 GiB.
	bombDisk = 8 << 30
)

// largeDisk makes the test take a quarter of an hour. It produces the figures in docs/security.md.
var largeDisk = flag.Bool("real-bombs", false, "unpack the bombs on a disk as large as on AWS")

// TestBombs uploads files that unpack to more than an engine can handle. Each gets a verdict, and the next file gets
// its own. The disk is small, because the limits follow from the free space.
func TestBombs(t *testing.T) {
	t.Parallel()
	flags := []string{"--time-scale", "10", "--parameter-overrides", "MaxConcurrentScans=1"}
	var m *machine
	wait := 5 * time.Minute // without its cache by MD5, clamd opens equal zips again and again
	if *largeDisk {
		m, wait = start(t, flags...), 15*time.Minute
	} else {
		disk := filepath.Join(t.TempDir(), "disk")
		// Processes finds the machine by two folders of its path below the mount.
		m = startMounted(t, filepath.Join(disk, "bombs", "data"), disk, 400<<20, flags...)
	}
	depth := 5 // of six, clamd without its cache takes minutes to open equal zips again and again
	if *largeDisk {
		depth = 6
	}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"zips in zips, 10 by 10", zipsInZips(t, depth), "UNSCANNABLE limit-"},
		{"a zip that holds itself", zipOfItself(t), "UNSCANNABLE limit-recursion"},
		{"255 zips in one another", zipsInOneAnother(t, 255), "UNSCANNABLE limit-recursion"},
		{"100,000 members", zipOfMany(t, 100_000), "UNSCANNABLE limit-files"},
		{"10 GB of zeros in a zip", zerosInZip(t), "UNSCANNABLE limit-size"},
		{
			"10 GB of zeros in a gzip",
			zeros(t, 100<<20, 100, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
			"UNSCANNABLE limit-size",
		},
		{"10 GB of zeros in a bzip2", zerosInBzip2(t), "UNSCANNABLE limit-size"},
		{"10 GB of zeros in an xz", zeros(t, 10<<20, 1000, newXZ(t)), "UNSCANNABLE limit-size"},
		{"10 GB of zeros in a zstd", zeros(t, 100<<20, 100, newZstd(t)), "UNSCANNABLE limit-size"},
		{"picture, tar and zip at once", polyglot(t), "INFECTED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			usage := m.observe(t)
			o := m.Put(t, "bombs/"+tt.name, tt.content)
			m.awaitFor(t, wait, o)
			r := m.Await(t, o)
			most := usage()
			if got := r.Job.Scan.Outcome(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, %+v, want %s", got, r.Failure, tt.want)
			}
			if most.memory == 0 || most.memory > bombMemory || most.disk > bombDisk {
				t.Errorf(
					"took %d MB of memory and %d MB of disk, want more than 0 of memory, and %d and %d at most",
					most.memory>>20,
					most.disk>>20,
					bombMemory>>20,
					bombDisk>>20,
				)
			}
			t.Logf(
				"%d bytes: %s in %s, %d MB of memory, %d MB of disk",
				len(tt.content),
				r.Job.Scan.Outcome(),
				time.Since(began).Round(time.Second/10),
				most.memory>>20,
				most.disk>>20,
			)
			for content, want := range map[string]job.Verdict{
				string(eicar.Bytes()): job.Infected, string(sample.Text(tt.name)): job.Clean,
			} {
				if r := m.Await(t, m.Put(t, "bombs/next/"+tt.name, []byte(content))); outcome(r).Verdict != want {
					t.Errorf("the next file is %s, %+v, want %s", r.Job.Scan.Outcome(), r.Failure, want)
				}
			}
		})
	}
}

// awaitFor waits longer for the end of an execution than Await does.
func (m *machine) awaitFor(t *testing.T, wait time.Duration, o job.Object) {
	t.Helper()
	arn := harness.ExecutionARN(job.Job{Object: o})
	harness.PollFor(t, wait, "the end of "+arn, func() bool {
		out, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		return err == nil && out.Status != types.ExecutionStatusRunning
	})
}

// zeros compresses this many zeros and returns the stream, repeated count times.
func zeros(t *testing.T, size, count int, open func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	page := make([]byte, 1<<20)
	for range size / len(page) {
		if _, err := w.Write(page); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), count)
}

func newXZ(t *testing.T) func(io.Writer) io.WriteCloser {
	return func(w io.Writer) io.WriteCloser {
		x, err := xz.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

func newZstd(t *testing.T) func(io.Writer) io.WriteCloser {
	return func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
}

// zerosInBzip2 repeats the output of bzip2 1.0.8 for 10,000,000 zeros.
func zerosInBzip2(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(
		"425a6839314159265359d3a5dc7c004c97c010c00000080008200030cc0529a6aa4451b014451e2ee48a70a121a74bb8f8",
	)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b, 1000)
}

// zerosInZip returns a zip with one member. A deflate stream that was flushed can be repeated here, because its
// references to earlier bytes find zeros in every case.
func zerosInZip(t *testing.T) []byte {
	t.Helper()
	const part, count = 100 << 20, 100
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 1<<20)
	var at [2]int
	sum := crc32.NewIEEE()
	for i := range at {
		for range part / len(page) {
			if _, err := w.Write(page); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		at[i] = b.Len()
	}
	for range part / len(page) * count {
		sum.Write(page)
	}
	packed := append(bytes.Clone(b.Bytes()[:at[0]]), bytes.Repeat(b.Bytes()[at[0]:at[1]], count-1)...)
	packed = append(packed, 3, 0) // an empty last block
	return zipOf(t, func(z *zip.Writer) error {
		m, err := z.CreateRaw(
			&zip.FileHeader{
				Name:               "zeros",
				Method:             zip.Deflate,
				CRC32:              sum.Sum32(),
				CompressedSize64:   uint64(len(packed)),
				UncompressedSize64: part * count,
			},
		)
		if err == nil {
			_, err = m.Write(packed)
		}
		return err
	})
}

func zipOf(t *testing.T, fill func(*zip.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := fill(z); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// addMember adds a file to a zip.
func addMember(z *zip.Writer, name string, content []byte) error {
	f, err := z.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	return err
}

// zipsInZips returns a zip of ten zips, each of which contains ten zips, and so on. The innermost contain 10 KB of
// zeros: 10 GB in all with six levels. No two are equal, or the engine would answer from its cache.
func zipsInZips(t *testing.T, levels int) []byte {
	t.Helper()
	content := make([]byte, 10<<10)
	for level := range levels {
		content = zipOf(t, func(z *zip.Writer) error {
			for i := range 10 {
				err := addMember(z, fmt.Sprintf("%d-%d.zip", level, i), append(bytes.Clone(content), byte(i)))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return content
}

// zipsInOneAnother returns EICAR in a zip in a zip, and so on.
func zipsInOneAnother(t *testing.T, depth int) []byte {
	t.Helper()
	content := eicar.Bytes()
	for range depth {
		content = zipOf(t, func(z *zip.Writer) error { return addMember(z, "a", content) })
	}
	return content
}

// zipOfMany returns a zip with this many members.
func zipOfMany(t *testing.T, count int) []byte {
	t.Helper()
	return zipOf(t, func(z *zip.Writer) error {
		for i := range count {
			if err := addMember(z, fmt.Sprint(i), fmt.Appendf(nil, "member %d", i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// polyglot returns a file that begins as a picture, has the mark of a CD image further on, and ends as a zip with
// 64-bit sizes, which contains EICAR.
func polyglot(t *testing.T) []byte {
	t.Helper()
	b := append([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), make([]byte, 40<<10)...)
	copy(b[257:], "ustar")
	copy(b[32<<10:], "\x01CD001\x01")
	binary.LittleEndian.PutUint32(b[32<<10+80:], 20)
	binary.LittleEndian.PutUint16(b[32<<10+128:], 2048)
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(eicar.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(b, zipOf(t, func(z *zip.Writer) error {
		wide := binary.LittleEndian.AppendUint16(nil, 1)
		wide = binary.LittleEndian.AppendUint16(wide, 16)
		wide = binary.LittleEndian.AppendUint64(wide, eicar.Size)
		wide = binary.LittleEndian.AppendUint64(wide, uint64(packed.Len()))
		m, err := z.CreateRaw(
			&zip.FileHeader{
				Name:               "a",
				Method:             zip.Deflate,
				CRC32:              crc32.ChecksumIEEE(eicar.Bytes()),
				CompressedSize64:   uint64(packed.Len()),
				UncompressedSize64: eicar.Size,
				Extra:              wide,
			},
		)
		if err == nil {
			_, err = m.Write(packed.Bytes())
		}
		return err
	})...)
}

// zipOfItself returns Russ Cox's r.zip, which contains only itself (https://research.swtch.com/zip). Go's tests have
// it under Go's licence.
func zipOfItself(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(`
504b03041400000008000803643cf9f4
896448010000b801000007000000722f
722e7a6970002500daff504b03041400
000008000803643cf9f4896448010000
b801000007000000722f722e7a697000
2f00d0ff002500daff504b0304140000
0008000803643cf9f4896448010000b8
01000007000000722f722e7a6970002f
00d0ffc2548e5739000500faffc2548e
5739000500faff000500faff001400eb
ffc2548e5739000500faff000500faff
001400ebff428821c400001400ebff42
8821c400001400ebff428821c4000014
00ebff428821c400001400ebff428821
c400000000ffff000000ffff003400cb
ff428821c400000000ffff000000ffff
003400cbff42e8215e0f000000ffff0a
f066641261c015dce8a048bf48af2ab3
20c09b950dc467044253060606400006
00f9ff6d010000000042e8215e0f0000
00ffff0af066641261c015dce8a048bf
48af2ab320c09b950dc4670442530606
0640000600f9ff6d0100000000504b01
0214001400000008000803643cf9f489
6448010000b801000007000000000000
0000000000000000000000722f722e7a
6970504b050600000000010001003500
00006d0100000000`), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
