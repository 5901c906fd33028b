package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// All copies that the page of a signature shows can be chosen: their addresses are in the URL of the second step.
func TestLongAddress(t *testing.T) {
	t.Parallel()
	running, err := Start(Config{AWS: aws.Config{Region: "us-east-1"}, Stack: deployment.Stack{Name: "lazaret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(address string, cookies []*http.Cookie) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies {
			r.AddCookie(c)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	entered := get(running.URL, nil)
	form := url.Values{}
	for i := range 500 {
		form.Add("copy", fmt.Sprintf("s3://lazaret-quarantine-123456789012-ap-southeast-1/%064d/%064d?versionId=%032d",
			i, i, i))
	}
	root, _, _ := strings.Cut(running.URL, "?")
	if got := get(root+"none?"+form.Encode(), entered.Cookies()).StatusCode; got != http.StatusNotFound {
		t.Errorf("a URL of %d bytes that names no page: got %d, want 404", len(form.Encode()), got)
	}
}
