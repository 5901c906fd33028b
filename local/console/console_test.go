package console

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// All copies that the page of a signature shows can be chosen: their addresses are in the URL of the second step.
func TestLongAddress(t *testing.T) {
	t.Parallel()
	v := visit(t, Config{AWS: aws.Config{Region: "us-east-1"}, Stack: deployment.Stack{Name: "lazaret"}})
	form := url.Values{}
	for i := range 500 {
		form.Add("copy", fmt.Sprintf("s3://lazaret-quarantine-123456789012-ap-southeast-1/%064d/%064d?versionId=%032d",
			i, i, i))
	}
	response, _ := v.get("/none?" + form.Encode())
	if got := response.StatusCode; got != http.StatusNotFound {
		t.Errorf("a URL of %d bytes that names no page: got %d, want 404", len(form.Encode()), got)
	}
}
