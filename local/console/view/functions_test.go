package view

import (
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Link("/objects"): "/objects",
		Link("/objects", "bucket", "b", "prefix", "", "n", 3):                "/objects?bucket=b&n=3",
		ObjectLink(job.Object{Bucket: "b", Key: "a b/../?&#\u202e\""}):       "/object?bucket=b&key=a+b%2F..%2F%3F%26%23%E2%80%AE%22",
		ExecutionLink("arn:aws:states:r:1:execution:m:a/../b?c#d"):           "/executions/arn:aws:states:r:1:execution:m:a%2F..%2Fb%3Fc%23d",
		ObjectLink(job.Object{Bucket: "b", Key: "k", VersionID: "v+1/2 3="}): "/object?bucket=b&key=k&versionId=v%2B1%2F2+3%3D",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Number(0): "0", Number(999): "999", Number(1000): "1\u2009000", Number(int64(-1234567)): "-1\u2009234\u2009567",
		Number(2.6): "3", Plural(1, "copy", "copies"): "1 copy", Plural(2, "copy", "copies"): "2 copies",
		Bytes(0): "0 B", Bytes(1023): "1023 B", Bytes(1536): "1.5 KiB", Bytes(5 << 40): "5.0 TiB", Bytes(3 << 50): "3.0 PiB",
		Ago(-time.Second): "0 s", Ago(59 * time.Second): "59 s", Ago(61 * time.Minute): "1 h 1 min",
		Ago(50 * time.Hour):         "2 days 2 h",
		Span(85 * time.Millisecond): "85 ms", Span(1240 * time.Millisecond): "1.24 s", Span(182 * time.Second): "3 min 2 s",
		Word("TIMED_OUT"): "Timed out", Word("ok"): "OK", Word(""): "",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
