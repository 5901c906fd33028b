// Command minio-go uploads with MinIO's client: PutObject whole and in parts, a presigned PUT, and a POST form.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	if err := upload(context.Background(), os.Getenv("BUCKET"), os.Getenv("FILES")); err != nil {
		log.Fatal(err)
	}
}

func upload(ctx context.Context, bucket, files string) error {
	client, err := minio.New(strings.TrimPrefix(os.Getenv("ENDPOINT"), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("test", "test", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return err
	}
	metadata := map[string]string{"Author-Name": "Anna"}
	for _, way := range []string{"single", "multipart"} {
		options := minio.PutObjectOptions{UserMetadata: metadata, PartSize: 5 << 20}
		if _, err := client.FPutObject(ctx, bucket, "minio-go/"+way, filepath.Join(files, way), options); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	url, err := client.PresignedPutObject(ctx, bucket, "minio-go/presigned", time.Minute)
	if err != nil {
		return err
	}
	body, err := os.ReadFile(filepath.Join(files, "presigned"))
	if err != nil {
		return err
	}
	if err := send(ctx, http.MethodPut, url.String(), "", bytes.NewReader(body)); err != nil {
		return fmt.Errorf("presigned: %w", err)
	}
	return form(ctx, client, bucket, filepath.Join(files, "form"))
}

func form(ctx context.Context, client *minio.Client, bucket, file string) error {
	policy := minio.NewPostPolicy()
	if err := policy.SetBucket(bucket); err != nil {
		return err
	}
	if err := policy.SetKey("minio-go/form"); err != nil {
		return err
	}
	if err := policy.SetExpires(time.Now().Add(time.Minute).UTC()); err != nil {
		return err
	}
	url, fields, err := client.PresignedPostPolicy(ctx, policy)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := writer.WriteField(name, value); err != nil {
			return err
		}
	}
	part, err := writer.CreateFormFile("file", "form")
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if err := send(ctx, http.MethodPost, url.String(), writer.FormDataContentType(), &body); err != nil {
		return fmt.Errorf("form: %w", err)
	}
	return nil
}

func send(ctx context.Context, method, url, kind string, body io.Reader) error {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}
