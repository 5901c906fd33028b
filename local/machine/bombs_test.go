package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// What one file may take of a machine: less than the function has, and enough
// for definitions of full size beside it.
const (
	bombMemory = 1200 << 20 // of scan and clamd together; ScanMemory is 3,008 MiB
	bombDisk   = 8 << 30    // of /tmp; EphemeralStorage is 10 GiB
)

// realBombs is for the figures in docs/security.md: the test takes a quarter of
// an hour with it.
var realBombs = flag.Bool("real-bombs", false, "explode the bombs on a disk as large as on AWS")

// TestBombs: files made to exhaust whoever unpacks them get a verdict, and the
// next file gets its own. The disk is small, so that its limits are reached
// soon: they follow from what is free.
func TestBombs(t *testing.T) {
	t.Parallel()
	flags := []string{"--time-scale", "10", "--parameter-overrides", "MaxConcurrentScans=1"}
	var m *Machine
	wait := patience
	if *realBombs {
		m, wait = Start(t, flags...), 15*time.Minute
	} else {
		disk := filepath.Join(t.TempDir(), "disk")
		m = startMounted(t, filepath.Join(disk, "data"), disk, 400<<20, flags...)
	}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"zips in zips, 10 by 10", zipsInZips(t, 6), "UNSCANNABLE limit-"},
		{"a zip that holds itself", quine(t), "UNSCANNABLE limit-recursion"},
		{"255 zips in one another", nested(t, 255), "UNSCANNABLE limit-recursion"},
		{"100,000 members", crowd(t, 100_000), "UNSCANNABLE limit-files"},
		{"10 GB of zeros in a zip", zerosInZip(t), "UNSCANNABLE limit-size"},
		{"10 GB of zeros in a gzip", zeros(t, 100<<20, 100, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), "UNSCANNABLE limit-size"},
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
			m.outlast(t, wait, o)
			r := m.Await(t, o)
			most := usage()
			if got := r.Job.Scan.Outcome(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, %+v, want %s", got, r.Dead, tt.want)
			}
			if most.memory > bombMemory || most.disk > bombDisk {
				t.Errorf("took %d MB of memory and %d MB of disk, more than %d and %d", most.memory>>20, most.disk>>20, bombMemory>>20, bombDisk>>20)
			}
			t.Logf("%d bytes: %s in %s, %d MB of memory, %d MB of disk", len(tt.content), r.Job.Scan.Outcome(), time.Since(began).Round(time.Second/10), most.memory>>20, most.disk>>20)
			for content, want := range map[string]job.Verdict{string(eicar.Bytes()): job.Infected, string(sample.Text(tt.name)): job.Clean} {
				if r := m.Await(t, m.Put(t, "bombs/next/"+tt.name, []byte(content))); outcome(r).Verdict != want {
					t.Errorf("the next file is %s, %+v, want %s", r.Job.Scan.Outcome(), r.Dead, want)
				}
			}
		})
	}
}

// outlast waits longer for an end than Await does.
func (m *Machine) outlast(t *testing.T, wait time.Duration, o job.Object) {
	t.Helper()
	arn := ExecutionARN(job.Job{Object: o})
	for end := time.Now().Add(wait - patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err == nil && out.Status != types.ExecutionStatusRunning {
			return
		}
	}
}

// zeros is a stream of size zeros, so many times.
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

// zerosInBzip2 repeats what bzip2 1.0.8 makes of 10,000,000 zeros.
func zerosInBzip2(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString("425a6839314159265359d3a5dc7c004c97c010c00000080008200030cc0529a6aa4451b014451e2ee48a70a121a74bb8f8")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b, 1000)
}

// zerosInZip is one member: deflate that is flushed can be repeated, as what it
// refers back to is zeros all the same.
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
		m, err := z.CreateRaw(&zip.FileHeader{Name: "zeros", Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(len(packed)), UncompressedSize64: part * count})
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

// member adds one file to a zip.
func member(z *zip.Writer, name string, content []byte) error {
	f, err := z.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	return err
}

// zipsInZips holds ten zips, which hold ten zips, and so on, and at last 10 KB
// of zeros: 10 GB in all with six levels. No two are the same, or the engine
// would know them.
func zipsInZips(t *testing.T, levels int) []byte {
	t.Helper()
	content := make([]byte, 10<<10)
	for level := range levels {
		content = zipOf(t, func(z *zip.Writer) error {
			for i := range 10 {
				if err := member(z, fmt.Sprintf("%d-%d.zip", level, i), append(bytes.Clone(content), byte(i))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return content
}

func nested(t *testing.T, depth int) []byte {
	t.Helper()
	content := eicar.Bytes()
	for range depth {
		content = zipOf(t, func(z *zip.Writer) error { return member(z, "a", content) })
	}
	return content
}

func crowd(t *testing.T, count int) []byte {
	t.Helper()
	return zipOf(t, func(z *zip.Writer) error {
		for i := range count {
			if err := member(z, fmt.Sprint(i), fmt.Appendf(nil, "member %d", i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// polyglot begins as a picture, is a CD image further on, and ends as a zip with
// 64-bit sizes, in which is what is to be found.
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
		m, err := z.CreateRaw(&zip.FileHeader{Name: "a", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(eicar.Bytes()), CompressedSize64: uint64(packed.Len()), UncompressedSize64: eicar.Size, Extra: wide})
		if err == nil {
			_, err = m.Write(packed.Bytes())
		}
		return err
	})...)
}

// quine is Russ Cox's r.zip, which holds nothing but itself
// (https://research.swtch.com/zip), as Go's own tests have it under its licence.
func quine(t *testing.T) []byte {
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
