package logs_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/logs"
)

// started is a log group with what two functions wrote.
func started(t *testing.T) *cloudwatchlogs.Client {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"tag.log":      `{"time":"2026-11-28T10:00:02Z","level":"INFO","function":"tag","msg":"second"}` + "\n",
		"dispatch.log": "2026-11-28T10:00:01Z first\nafter it\n" + `{"time":"2026-11-28T10:00:03Z","level":"ERROR","function":"dispatch","msg":"third"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(logs.Service{Stack: "av", Dir: dir})
	t.Cleanup(server.Close)
	return cloudwatchlogs.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	client := started(t)
	group := aws.String("/lazaret/av")
	second := time.Date(2026, 11, 28, 10, 0, 2, 0, time.UTC).UnixMilli()
	tests := []struct {
		name string
		in   cloudwatchlogs.FilterLogEventsInput
		want []string // part of each message
	}{
		{"all, in the order of time", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group}, []string{"first", "after it", "second", "third"}},
		{"by ARN", cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:/lazaret/av")}, []string{"first", "after it", "second", "third"}},
		{"since", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, StartTime: &second}, []string{"second", "third"}},
		{"until", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, EndTime: &second}, []string{"first", "after it", "second"}},
		{"a pattern", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`{ $.level = "ERROR" }`)}, []string{"third"}},
		{"a stream", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, LogStreamNamePrefix: aws.String("2026/11/28/av-tag[")}, []string{"second"}},
		{"in pages", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, Limit: aws.Int32(3)}, []string{"first", "after it", "second", "third"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &tt.in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Events {
					got = append(got, *e.Message)
				}
			}
			same := cmp.Equal(got, tt.want, cmp.Comparer(func(a, b string) bool { return strings.Contains(a, b) || strings.Contains(b, a) }))
			if !same {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	client := started(t)
	for _, tt := range []struct {
		in   cloudwatchlogs.FilterLogEventsInput
		says string
	}{
		{cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/av-tag")}, "ResourceNotFoundException"},
		{cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/lazaret/av"), FilterPattern: aws.String("[a]")}, "InvalidParameterException"},
		{cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/lazaret/av"), NextToken: aws.String("x")}, "InvalidParameterException"},
	} {
		if _, err := client.FilterLogEvents(t.Context(), &tt.in); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, want %s", tt.in, err, tt.says)
		}
	}
	if _, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err == nil || !strings.Contains(err.Error(), "UnknownOperationException") {
		t.Errorf("another operation: %v", err)
	}
}
