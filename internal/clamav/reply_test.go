package clamav

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseReply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		want      Finding
		wantErr   string
	}{
		{name: "clean", raw: "fd[11]: OK\x00", want: Finding{Outcome: Clean}},
		{
			name: "found",
			raw:  "fd[9]: Win.Test.EICAR_HDB-1 FOUND\x00",
			want: Finding{Outcome: Found, Signature: "Win.Test.EICAR_HDB-1"},
		},
		{name: "signature called OK", raw: "fd[9]: OK FOUND\x00", want: Finding{Outcome: Found, Signature: "OK"}},
		{
			name: "signature with a blank",
			raw:  "fd[9]: My sig.UNOFFICIAL FOUND\x00",
			want: Finding{Outcome: Found, Signature: "My sig.UNOFFICIAL"},
		},
		{name: "signature with a colon", raw: "fd[9]: a: OK FOUND\x00", want: Finding{Outcome: Found, Signature: "a: OK"}},
		{
			name: "other heuristic",
			raw:  "fd[9]: Heuristics.Phishing.Email.SpoofedDomain FOUND\x00",
			want: Finding{Outcome: Found, Signature: "Heuristics.Phishing.Email.SpoofedDomain"},
		},
		{
			name: "limit",
			raw:  "fd[9]: Heuristics.Limits.Exceeded.MaxFiles FOUND\x00",
			want: Finding{Outcome: Limit, Signature: "Heuristics.Limits.Exceeded.MaxFiles", Limit: "MaxFiles"},
		},
		{
			name: "limit without a name",
			raw:  "fd[9]: Heuristics.Limits.Exceeded FOUND\x00",
			want: Finding{Outcome: Limit, Signature: "Heuristics.Limits.Exceeded"},
		},
		{
			name: "dictionary limit",
			raw:  "fd[9]: Heuristics.XZ.DicSizeLimit FOUND\x00",
			want: Finding{Outcome: Limit, Signature: "Heuristics.XZ.DicSizeLimit", Limit: "DicSizeLimit"},
		},
		{
			name: "signature like a limit",
			raw:  "fd[9]: Heuristics.Limits.ExceededX FOUND\x00",
			want: Finding{Outcome: Found, Signature: "Heuristics.Limits.ExceededX"},
		},
		{
			name: "a signature that is named like a limit",
			raw:  "fd[9]: Heuristics.Limits.Exceeded.A.UNOFFICIAL FOUND\x00",
			want: Finding{Outcome: Found, Signature: "Heuristics.Limits.Exceeded.A.UNOFFICIAL"},
		},
		{
			name: "encrypted",
			raw:  "fd[9]: Heuristics.Encrypted.Zip FOUND\x00",
			want: Finding{Outcome: Encrypted, Signature: "Heuristics.Encrypted.Zip"},
		},
		{name: "error", raw: "fd[10]: Can't write to file ERROR\x00", wantErr: "Can't write to file ERROR"},
		{
			name:    "error without a file",
			raw:     "No file descriptor received. ERROR\x00",
			wantErr: "No file descriptor received. ERROR",
		},
		{name: "error that ends like found", raw: "fd[10]: x FOUND ERROR\x00", wantErr: "clamd answered"},
		{name: "empty", raw: "", wantErr: "empty reply"},
		{name: "only the end", raw: "\x00", wantErr: "unknown reply"},
		{name: "no end", raw: "fd[11]: OK", wantErr: "without its end"},
		{name: "cut", raw: "fd[11]: O", wantErr: "without its end"},
		{name: "two replies", raw: "fd[11]: Not supported file type ERROR\x00fd[11]: OK\x00", wantErr: "more than one reply"},
		{name: "bytes after the end", raw: "fd[11]: OK\x00x", wantErr: "more than one reply"},
		{name: "two ends", raw: "fd[11]: OK\x00\x00", wantErr: "more than one reply"},
		{name: "two lines", raw: "fd[11]: A FOUND\nfd[11]: OK\x00", wantErr: "control character"},
		{name: "line end", raw: "fd[11]: OK\n\x00", wantErr: "control character"},
		{name: "path", raw: "/tmp/x: OK\x00", wantErr: "unknown reply"},
		{name: "stream", raw: "stream: OK\x00", wantErr: "unknown reply"},
		{name: "prefix not first", raw: "x fd[11]: OK\x00", wantErr: "unknown reply"},
		{name: "no number", raw: "fd[]: OK\x00", wantErr: "unknown reply"},
		{name: "more than OK", raw: "fd[11]: x: OK\x00", wantErr: "unknown reply"},
		{name: "less than OK", raw: "fd[11]: ok\x00", wantErr: "unknown reply"},
		{name: "found nothing", raw: "fd[11]:  FOUND\x00", wantErr: "unknown reply"},
		{name: "found blank", raw: "fd[11]:   FOUND\x00", wantErr: "unknown reply"},
		{name: "unknown command", raw: "UNKNOWN COMMAND\x00", wantErr: "unknown reply"},
		{name: "too long", raw: "fd[1]: " + strings.Repeat("A", maxReply) + " FOUND\x00", wantErr: "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseReply([]byte(tt.raw))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("parseReply() = %+v, %v, want %q in the error", got, err, tt.wantErr)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Finding{})); diff != "" {
				t.Errorf("parseReply() (-want +got):\n%s", diff)
			}
		})
	}
}
