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
		"tag.log": `{"time":"2026-11-28T10:00:02Z","level":"INFO","function":"tag","msg":"second"}` + "\n",
		"states": `{"id":"1","type":"ExecutionStarted","details":{"input":"{\"event_timestamp\":\"9\"}"},"previous_event_id":"0",` +
			`"event_timestamp":"1764324001000","execution_arn":"arn:aws:states:us-east-1:0:express:av-scan:a:1","redrive_count":"0"}` + "\n" +
			`{"id":"2","type":"ExecutionSucceeded","details":{},"previous_event_id":"1","event_timestamp":"1764324002000",` +
			`"execution_arn":"arn:aws:states:us-east-1:0:express:av-scan:ab:2","redrive_count":"0"}` + "\n",
		"dispatch.log.1": "2026-11-28T10:00:00Z before it\n",
		"dispatch.log":   "2026-11-28T10:00:01Z first\nafter it\n" + `{"time":"2026-11-28T10:00:03Z","level":"ERROR","function":"dispatch","msg":"third"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	groups := []logs.Group{logs.Functions("av", dir), logs.Machine("/states", "av-scan", filepath.Join(dir, "states"))}
	server := httptest.NewServer(logs.Service{Groups: groups})
	t.Cleanup(server.Close)
	return cloudwatchlogs.NewFromConfig(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	client := started(t)
	group, states := aws.String("/lazaret/av"), aws.String("/states")
	second := time.Date(2026, 11, 28, 10, 0, 2, 0, time.UTC).UnixMilli()
	tests := []struct {
		name string
		in   cloudwatchlogs.FilterLogEventsInput
		want []string // part of each message
	}{
		{
			"all, in the order of time",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: group},
			[]string{"before it", "first", "after it", "second", "third"},
		},
		{
			"by ARN",
			cloudwatchlogs.FilterLogEventsInput{
				LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:/lazaret/av"),
			},
			[]string{"before it", "first", "after it", "second", "third"},
		},
		{"since", cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, StartTime: &second}, []string{"second", "third"}},
		{
			"a pattern",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`{ $.level = "ERROR" }`)},
			[]string{"third"},
		},
		{
			"until",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, EndTime: &second},
			[]string{"before it", "first", "after it", "second"},
		},
		{
			"an execution of an Express machine",
			cloudwatchlogs.FilterLogEventsInput{
				LogGroupName: states, FilterPattern: aws.String(`{ $.execution_arn = "arn:aws:states:us-east-1:0:express:av-scan:a:*" }`),
			},
			[]string{"ExecutionStarted"},
		},
		{
			"by the event's time and not by one in its texts",
			cloudwatchlogs.FilterLogEventsInput{
				LogGroupName: states, StartTime: aws.Int64(1764324001000), EndTime: aws.Int64(1764324001000),
			},
			[]string{"ExecutionStarted"},
		},
		{
			"one stream in pages",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: states, Limit: aws.Int32(1)},
			[]string{"ExecutionStarted", "ExecutionSucceeded"},
		},
		{
			"one stream in pages, the newest first",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: states, Limit: aws.Int32(1), StartFromHead: aws.Bool(false)},
			[]string{"ExecutionSucceeded", "ExecutionStarted"},
		},
		{
			"the newest first",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, Limit: aws.Int32(2), StartFromHead: aws.Bool(false)},
			[]string{"third", "second", "after it", "first", "before it"},
		},
		{
			"in pages",
			cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, Limit: aws.Int32(3)},
			[]string{"before it", "first", "after it", "second", "third"},
		},
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
			same := cmp.Equal(
				got,
				tt.want,
				cmp.Comparer(func(a, b string) bool { return strings.Contains(a, b) || strings.Contains(b, a) }),
			)
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
		{cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/lazaret/av"), LogStreamNamePrefix: aws.String("2026")}, "InvalidParameterException"},
	} {
		if _, err := client.FilterLogEvents(t.Context(), &tt.in); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, want %s", tt.in, err, tt.says)
		}
	}
	if _, err := client.DescribeLogGroups(
		t.Context(),
		&cloudwatchlogs.DescribeLogGroupsInput{},
	); err == nil ||
		!strings.Contains(err.Error(), "UnknownOperationException") {
		t.Errorf("got %v, want UnknownOperationException", err)
	}
}
