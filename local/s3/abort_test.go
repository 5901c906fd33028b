package s3

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestAbort sends a part of a body and goes. TestMain looks for what the gateway
// has to say about that.
func TestAbort(t *testing.T) {
	t.Parallel()
	for _, sum := range []string{"UNSIGNED-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		for _, length := range []int{1000, 10 << 20} {
			k := keyOfTest(t)
			r := must2(http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/plain/"+k, http.NoBody))(t)
			r.ContentLength = int64(length)
			r.Header.Set("X-Amz-Content-Sha256", sum)
			who := must2(staticCredentials("alice", "alice-secret").Retrieve(t.Context()))(t)
			if err := v4.NewSigner().SignHTTP(t.Context(), who, r, sum, "s3", "us-east-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			conn := must2(net.Dial("tcp", strings.TrimPrefix(endpoint, "http://")))(t)
			fmt.Fprintf(conn, "PUT /plain/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", k, r.Host, length)
			if err := r.Header.Write(conn); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "\r\n%s", strings.Repeat("x", length/2))
			conn.Close()
			_, err := as("alice").HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("plain"), Key: &k})
			wantError(t, err, http.StatusNotFound, "NotFound")
		}
	}
}
