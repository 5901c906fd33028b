package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/mattn/go-runewidth"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/template"
)

// reads downloads every sample from where it was uploaded and from where it is now. Only CLEAN samples may be readable.
func (d *demo) reads(ctx context.Context, results []result) {
	fmt.Fprintf(d.w, "\nWho downloads them\n")
	came, refused := 0, 0
	for _, r := range results {
		if r.err != nil {
			continue
		}
		places := []place{{r.job.Object.Bucket, r.sample.Key, r.version}}
		if c := r.job.Copy; c != nil {
			places = append(places, place{c.Bucket, c.Key, ""})
		}
		for _, p := range places {
			content, status := d.read(ctx, p)
			clean := r.outcome().Verdict == job.Clean
			here := r.job.Copy == nil || p.bucket == r.job.Copy.Bucket
			switch {
			case clean && here && (status != http.StatusOK || !bytes.Equal(content, r.sample.Content)):
				d.fault("download of clean %s: got status %d, want 200 and its content", p, status)
			case (!clean || !here) && status != http.StatusForbidden && status != http.StatusNotFound:
				d.fault("download of %s: got status %d, want 403 or 404", p, status)
			}
			switch status {
			case http.StatusOK:
				came++
			default:
				refused++
			}
			if r.sample.Key == "clean/letter.txt" || r.sample.Key == "infected/eicar.com" {
				fmt.Fprintf(d.w, "  %s  %s\n", answer(status), p)
			}
		}
	}
	fmt.Fprintf(d.w, "  … in all %d downloads of clean files came, and %d others were refused\n", came, refused)
}

// place is an object that is downloaded.
type place struct{ bucket, key, version string }

// String returns the address without the account and the region in the bucket's name, so that it fits in 80 columns.
func (p place) String() string {
	bucket, _, _ := strings.Cut(p.bucket, "-"+template.Account)
	return runewidth.Truncate("s3://"+bucket+"…/"+p.key, 62, "…")
}

func (d *demo) read(ctx context.Context, p place) ([]byte, int) {
	in := &s3.GetObjectInput{Bucket: &p.bucket, Key: &p.key}
	if p.version != "" {
		in.VersionId = &p.version
	}
	out, err := d.s3.GetObject(ctx, in)
	if err != nil {
		return nil, awserr.Status(err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, 0
	}
	return content, http.StatusOK
}

// forge tries to upload a file with a verdict in its tags.
func (d *demo) forge(ctx context.Context) {
	_, err := d.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(d.bucket("uploads")), Key: aws.String("forged.txt"),
		Body: bytes.NewReader(nil), Tagging: aws.String("scan-status=CLEAN"),
	})
	status := http.StatusOK
	if err != nil {
		status = awserr.Status(err)
	}
	fmt.Fprintf(d.w, "\nWho uploads a file that says of itself scan-status=CLEAN\n  %s\n", answer(status))
	if status != http.StatusForbidden {
		d.fault("upload with a verdict: got status %d, want 403", status)
	}
}

// answer returns an HTTP status in words.
func answer(status int) string {
	if status == 0 {
		return "no answer    "
	}
	return fmt.Sprintf("%d %-9s", status, http.StatusText(status))
}
