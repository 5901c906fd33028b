package definitions

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// container returns a padded header with one byte after it, which is all of a .cvd that this package
// reads.
func container(fields string) string {
	return fmt.Sprintf("%-*s", headerSize, fields) + "archive"
}

const dailyHeader = "ClamAV-VDB:16 Nov 2026 04-24 -0500:27825:2063500:90:" +
	"d41d8cd98f00b204e9800998ecf8427e:c2lnbmF0dXJl:builder:1794821067"

func TestReadHeader(t *testing.T) {
	t.Parallel()
	full := Header{
		Built: time.Date(2026, 11, 16, 9, 24, 27, 0, time.UTC), Version: 27825,
		Signatures: 2063500, FunctionalLevel: 90, Builder: "builder",
	}
	toTheMinute := full
	toTheMinute.Built = time.Date(2026, 11, 16, 9, 24, 0, 0, time.UTC)
	old := strings.TrimSuffix(dailyHeader, ":1794821067")
	tests := []struct {
		name, text string
		want       Header
		wantErr    string
	}{
		{name: "seconds win over text", text: container(dailyHeader), want: full},
		{name: "no seconds", text: container(old), want: toTheMinute},
		{
			name: "a day of one digit", text: container(strings.Replace(old, "16 Nov", "02 Nov", 1)),
			want: Header{
				Built:           time.Date(2026, 11, 2, 9, 24, 0, 0, time.UTC),
				Version:         27825,
				Signatures:      2063500,
				FunctionalLevel: 90,
				Builder:         "builder",
			},
		},
		{name: "short", text: dailyHeader, wantErr: "unexpected EOF"},
		{name: "other magic", text: container("ClamAV-XDB:a:1:2:3:4:5:6:7"), wantErr: "no \"ClamAV-VDB:\""},
		{name: "few fields", text: container("ClamAV-VDB:a:1:2:3"), wantErr: "4 fields"},
		{name: "version not a number", text: container(strings.Replace(dailyHeader, "27825", "new", 1)), wantErr: "version"},
		{
			name:    "negative count",
			text:    container(strings.Replace(dailyHeader, "2063500", "-1", 1)),
			wantErr: "number of signatures",
		},
		{name: "bad seconds", text: container(dailyHeader + "x"), wantErr: "build time"},
		{name: "bad text", text: container(strings.Replace(old, "16 Nov", "16 Foo", 1)), wantErr: "build time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadHeader(strings.NewReader(tt.text))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("ReadHeader() error = %v, want %q in it", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ReadHeader() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadHeaderKeepsTheCause(t *testing.T) {
	t.Parallel()
	if _, err := ReadHeader(strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("ReadHeader of nothing = %v, want io.EOF in it", err)
	}
}
