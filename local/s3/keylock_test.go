package s3

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestTagsStayWithTheirVersion tags a version while another one comes, and
// while that one goes: the gateway moves the first one's file both times.
func TestTagsStayWithTheirVersion(t *testing.T) {
	t.Parallel()
	c := as("tag")
	bucket := "versioned"
	for i := range 100 {
		key := fmt.Sprintf("moving/%d", i)
		put := func() *string {
			out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)})
			return must(t, out, err).VersionId
		}
		first, second := put(), (*string)(nil)
		for step, move := range []func(){
			func() { second = put() },
			func() {
				if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: second}); err != nil {
					t.Error(err)
				}
			},
		} {
			var moved sync.WaitGroup
			moved.Go(move)
			value := fmt.Sprint(step)
			if err := setTags(t, c, bucket, key, *first, "step", value); err != nil {
				t.Fatal(err)
			}
			moved.Wait()
			wantTags(t, tagsOf(t, c, bucket, key, *first), "step", value)
			if t.Failed() {
				t.Fatalf("%s, step %d", key, step)
			}
		}
	}
}
