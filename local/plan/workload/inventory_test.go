package workload

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

const (
	plain = `"held","a.pdf","10000","2026-11-29T18:45:21.000Z","STANDARD"
"held","a%2Fb, c.pdf","5","2026-11-28T18:45:21.000Z","GLACIER"
`
	versioned = `"held","gone.pdf","v0","true","true","","2026-11-29T18:45:21.000Z"
"held","a.pdf","v1","true","false","10000","2026-11-29T18:45:21.000Z"
"held","a.pdf","v0","false","false","777","2026-11-01T18:45:21.000Z"
`
)

func TestReadInventory(t *testing.T) {
	t.Parallel()
	manifest := func(schema string, files ...string) string {
		list := ""
		for _, f := range files {
			list += `,{"key": "` + f + `", "size": 1}`
		}
		return `{"sourceBucket": "held", "fileFormat": "CSV", "fileSchema": "` + schema + `", "files": [` +
			strings.TrimPrefix(list, ",") + `]}`
	}
	for _, tt := range []struct {
		name    string
		files   map[string]string // the first in the order of names is read, data/ apart
		read    string
		want    summary
		wantErr string
	}{
		{name: "one file", files: map[string]string{"a.csv": plain}, read: "a.csv", want: summary{Objects: 2, Archived: 1, Bytes: 10005, PerDay: 2}},
		{name: "compressed", files: map[string]string{"a.csv.gz": zipped(t, plain)}, read: "a.csv.gz", want: summary{Objects: 2, Archived: 1, Bytes: 10005, PerDay: 2}},
		{name: "with versions", files: map[string]string{"a.csv": versioned}, read: "a.csv", want: summary{Objects: 1, Bytes: 10000, PerDay: 1}},
		{name: "with a header", files: map[string]string{"a.csv": "Bucket,Key,Size\nheld,7,9\n"}, read: "a.csv", want: summary{Objects: 1, Bytes: 9}},
		{
			name: "a manifest",
			files: map[string]string{
				"manifest.json":  manifest("Bucket, Key, ETag, Size", "inventory/held/data/x.csv.gz", "y.csv"),
				"data/x.csv.gz":  zipped(t, "held,a,1,100\nheld,b,2,50\n"),
				"y.csv":          "held,c,3,25\n",
				"data/other.csv": "held,c,3,1000\n",
			},
			read: "manifest.json", want: summary{Objects: 3, Bytes: 175},
		},
		{
			name:    "a manifest that names a file elsewhere",
			files:   map[string]string{"manifest.json": manifest("Bucket, Key, Size", "../../../etc/passwd")},
			read:    "manifest.json",
			wantErr: "no such file",
		},
		{name: "no size", files: map[string]string{"a.csv": "held,a.pdf,STANDARD\n"}, read: "a.csv", wantErr: "manifest.json instead"},
		{name: "a manifest without Size", files: map[string]string{"m.json": manifest("Bucket, Key")}, read: "m.json", wantErr: "add the optional field Size"},
		{name: "a manifest of Parquet", files: map[string]string{"m.json": `{"fileFormat": "Parquet"}`}, read: "m.json", wantErr: `"Parquet", want CSV`},
		{name: "no manifest", files: map[string]string{"m.json": "[1]"}, read: "m.json", wantErr: "read manifest"},
		{name: "rows of other lengths", files: map[string]string{"a.csv": "held,a,5\nheld,a\n"}, read: "a.csv", wantErr: "wrong number of fields"},
		{name: "a quote in the middle", files: map[string]string{"a.csv": "held,a\"b,5\n"}, read: "a.csv", wantErr: "bare"},
		{name: "a size that is none", files: map[string]string{"a.csv": "held,a,5\nheld,b,x\n"}, read: "a.csv", wantErr: `row 2: size "x"`},
		{name: "a size below zero", files: map[string]string{"a.csv": "held,a,5\nheld,b,-5\n"}, read: "a.csv", wantErr: "row 2: size -5"},
		{name: "nothing", files: map[string]string{"a.csv": ""}, read: "a.csv", wantErr: "it lists no object"},
		{name: "a file that is no zip", files: map[string]string{"a.csv.gz": "\x1f\x8bxxxxxxxxxxxxxxxxxx"}, read: "a.csv.gz", wantErr: "gzip"},
		{name: "no file", read: "a.csv", wantErr: "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := ReadInventory(filepath.Join(dir, tt.read))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("ReadInventory() = %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summarize(got)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fakeS3 lists pages of objects, each of its number in bytes.
type fakeS3 struct {
	pages int
	fail  error
}

func (f fakeS3) ListObjectsV2(
	_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	n, _ := strconv.Atoi(aws.ToString(in.ContinuationToken))
	if f.fail != nil && n == f.pages-1 {
		return nil, f.fail
	}
	out := &s3.ListObjectsV2Output{}
	if f.pages > 0 {
		out.Contents = []types.Object{
			{Key: in.Prefix, Size: aws.Int64(int64(n)), LastModified: aws.Time(modified.Add(-time.Hour))},
		}
	}
	if n+1 < f.pages {
		out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String(strconv.Itoa(n+1))
	}
	return out, nil
}

func TestReadBucket(t *testing.T) {
	t.Parallel()
	denied := errors.New("AccessDenied")
	for _, tt := range []struct {
		name string
		s3   fakeS3
		want summary
		err  error
	}{
		{name: "three pages", s3: fakeS3{pages: 3}, want: summary{Objects: 3, Bytes: 3, PerDay: 3}},
		{name: "empty", s3: fakeS3{}, err: ErrEmpty},
		{name: "refused at the second page", s3: fakeS3{pages: 2, fail: denied}, err: denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var seen []float64
			got, err := ReadBucket(t.Context(), tt.s3, "held", "in/", func(n float64) { seen = append(seen, n) })
			if !errors.Is(err, tt.err) {
				t.Fatalf("ReadBucket() = %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, summarize(got)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]float64{1, 2, 3}, seen); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}
