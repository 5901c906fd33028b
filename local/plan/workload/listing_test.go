package workload

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// summary is what a test compares of a set of objects.
type summary struct {
	Objects, Archived, Bytes, PerDay float64
}

func summarize(o *Objects) summary {
	var s summary
	s.Objects, s.Bytes = o.Total()
	for _, c := range o.Classes() {
		if c.Archived {
			s.Archived += c.Objects
		}
	}
	s.Archived = math.Round(s.Archived)
	rate, _ := o.PerDay()
	s.PerDay = math.Round(rate * recent)
	return s
}

const page = `{"Contents": [
  {"Key": "a.pdf", "LastModified": "2026-11-29T18:45:21+00:00", "ETag": "\"1\"",
   "Size": 10000, "StorageClass": "STANDARD"},
  {"Key": "a/", "LastModified": "2026-11-28T18:45:21.000Z", "Size": 0},
  {"Key": "\u0000\n\"Contents\": [", "LastModified": "2026-01-01T00:00:00Z", "Size": 3, "StorageClass": "DEEP_ARCHIVE"}
], "RequestCharged": null, "CommonPrefixes": [{"Contents": [1]}]}`

func TestReadListing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       summary
		wantErr    string
	}{
		{name: "an answer", text: page, want: summary{Objects: 3, Archived: 1, Bytes: 10003, PerDay: 2}},
		{name: "two answers", text: page + "\n" + page, want: summary{Objects: 6, Archived: 2, Bytes: 20006, PerDay: 4}},
		{name: "of --query Contents[]", text: "\xef\xbb\xbf[{\"Key\": \"a\", \"Size\": 7}]", want: summary{Objects: 1, Bytes: 7}},
		{name: "without objects", text: `{"Contents": null}`, wantErr: "it lists no object"},
		{name: "nothing", text: " \n", wantErr: "it lists no object"},
		{name: "cut off", text: page[:len(page)/2], wantErr: "unexpected EOF"},
		{name: "of list-buckets", text: `{"Buckets": [{"Name": "a"}]}`, wantErr: "it lists no object"},
		{name: "a string as size", text: `{"Contents": [{"Key": "a", "Size": "x"}]}`, wantErr: "invalid number literal"},
		{name: "no size", text: `{"Contents": [{"Key": "a"}]}`, wantErr: `want an entry with Key and Size, got the size ""`},
		{name: "a fraction", text: `{"Contents": [{"Key": "a", "Size": 1.5}]}`, wantErr: `got the size "1.5"`},
		{name: "below zero", text: `{"Contents": [{"Key": "a", "Size": -1}]}`, wantErr: "size -1: want a size"},
		{name: "beyond S3", text: `{"Contents": [{"Key": "a", "Size": 50000000000001}]}`, wantErr: "want a size"},
		{name: "beyond int64", text: `{"Contents": [{"Key": "a", "Size": 1e400}]}`, wantErr: `got the size "1e400"`},
		{name: "no array", text: `{"Contents": {"Key": "a"}}`, wantErr: "want an array as Contents"},
		{name: "deep", text: `{"a": ` + strings.Repeat("[", 1e5), wantErr: "exceeded max depth"},
		{
			name: "text",
			text: "2026-11-29 18:45:21      10000 invoices/a.pdf\r\n2026-11-29 18:45:22          0 a b/\n\n" +
				"2025-11-29 18:45:22          5 KiB\n\nTotal Objects: 3\n   Total Size: 10005\n",
			want: summary{Objects: 3, Bytes: 10005, PerDay: 2},
		},
		{
			name: "human-readable text",
			text: "2026-11-29 18:45:21    9.8 KiB a.pdf\n2026-11-29 18:45:21  500 Bytes b.pdf\n",
			want: summary{Objects: 2, Bytes: 10035 + 500, PerDay: 2},
		},
		{name: "a key like a line", text: "2026-11-29 18:45:21 1 2026-11-29 18:45:21 9 x", want: summary{Objects: 1, Bytes: 1, PerDay: 1}},
		{name: "a key like a unit", text: "2026-11-29 18:45:21 7 MiB of text", want: summary{Objects: 1, Bytes: 7, PerDay: 1}},
		{name: "folders", text: "                           PRE invoices/\n", wantErr: "list with aws s3 ls --recursive"},
		{name: "prose", text: "Unable to locate credentials", wantErr: `want date, time, size and key, got "Unable`},
		{name: "no key", text: "2026-11-29 18:45:21 10000", wantErr: "want date, time, size and key"},
		{name: "a size of minus one", text: "2026-11-29 18:45:21 -1 a", wantErr: `size "-1"`},
		{name: "a size that is none", text: "2026-11-29 18:45:21 NaN iB x", wantErr: `size "NaN"`},
		{name: "a line of 1 MB", text: "2026-11-29 18:45:21 1 " + strings.Repeat("x", 1<<20), wantErr: "token too long"},
		{name: "spaces only", text: strings.Repeat(" ", 1<<20), wantErr: "nothing but spaces"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadListing(iotest.HalfReader(strings.NewReader(tt.text)))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("ReadListing() = %v, want an error with %q", err, tt.wantErr)
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

// A reader that fails is no empty listing.
func TestReadListingFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk is gone")
	for _, text := range []string{"", page[:50], "2026-11-29 18:45:21 7 a\n"} {
		if _, err := ReadListing(thenFails(text, broken)); !errors.Is(err, broken) {
			t.Errorf("ReadListing(%q, then an error) = %v, want %v", text, err, broken)
		}
	}
}

// Millions of objects take no more memory than the classes of their sizes.
func TestClasses(t *testing.T) {
	t.Parallel()
	o := &Objects{}
	var want float64
	for i := range int64(200_000) {
		size := i * i * 7 % 5_000_000_000
		want += float64(size)
		if err := o.Add(size, modified, false); err != nil {
			t.Fatal(err)
		}
	}
	classes := o.Classes()
	if len(classes) > 8*33 {
		t.Errorf("got %d classes, want at most 8 for each power of two", len(classes))
	}
	var n, sum float64
	for i, c := range classes {
		n, sum = n+c.Objects, sum+c.Bytes
		if i > 0 && c.Size() <= classes[i-1].Size() {
			t.Errorf("class %d has the size %g, want more than %g", i, c.Size(), classes[i-1].Size())
		}
	}
	if n != 200_000 || sum != want {
		t.Errorf("got %g objects of %g bytes, want 200000 of %g", n, sum, want)
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"10KB": 10_000, "10kb": 10_000, "1.5 MiB": 1_572_864, "20000": 20_000, "0": 0,
		"2 GB": 2e9, "50TB": MaxSize, "1e3": -1,
		"": -1, "-1": -1, "KB": -1, "1.2.3": -1, "1 PB": -1, "51TB": -1, "Inf": -1, "0x10": -1, "1_000": -1, "10 KB x": -1,
	} {
		got, err := ParseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestUniform(t *testing.T) {
	t.Parallel()
	o, err := Uniform(1e12, MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	if n, bytes := o.Total(); n != 1e12 || bytes != 1e12*float64(MaxSize) {
		t.Errorf("got %g objects of %g bytes, want a million million of 50 TB", n, bytes)
	}
	for _, bad := range []struct {
		objects float64
		size    int64
	}{{-1, 1}, {1, -1}, {1, MaxSize + 1}, {math.NaN(), 1}} {
		if _, err := Uniform(bad.objects, bad.size); err == nil {
			t.Errorf("Uniform(%g, %d) has no error, want one", bad.objects, bad.size)
		}
	}
	o.classes[key{exponent: 1}] = &Class{Objects: 3e12, Bytes: 3e12, Archived: true}
	if diff := cmp.Diff(summary{Objects: 40, Archived: 30, Bytes: 10*MaxSize + 30}, summarize(o.Scaled(40))); diff != "" {
		t.Errorf("Scaled(40) (-want +got):\n%s", diff)
	}
	if o, err := Uniform(0, 10); err != nil || fmt.Sprint(o.Classes()) != "[]" {
		t.Errorf("Uniform(0, 10) = %v, %v, want no class", o, err)
	}
}
