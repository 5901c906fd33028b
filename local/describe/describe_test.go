package describe

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/template"
)

// loaded is the application, and a configuration for a service of it.
func loaded(t *testing.T, service func(*template.Application) http.Handler) (*template.Application, aws.Config) {
	t.Helper()
	app, err := template.Load("../../template.yaml", template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service(app))
	t.Cleanup(server.Close)
	return app, aws.Config{
		Region:       template.Region,
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func TestDescribeStacks(t *testing.T) {
	t.Parallel()
	app, cfg := loaded(
		t,
		func(app *template.Application) http.Handler { return Stack{Application: app, Created: time.Now()} },
	)
	client := cloudformation.NewFromConfig(cfg)
	for _, name := range []*string{nil, aws.String("lazaret")} {
		out, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: name})
		if err != nil || len(out.Stacks) != 1 {
			t.Fatalf("describe %v: %+v, %v", aws.ToString(name), out, err)
		}
		got := map[string]string{}
		for _, p := range out.Stacks[0].Parameters {
			got[*p.ParameterKey] = *p.ParameterValue
		}
		if len(got) != len(app.Parameters) || got["ReadGate"] != "clean-only" {
			t.Errorf("parameters %v, want %v", got, app.Parameters)
		}
		clear(got)
		for _, o := range out.Stacks[0].Outputs {
			got[*o.OutputKey] = *o.OutputValue
		}
		if len(got) != len(app.Outputs) || got["UploadsBucketName"] != "lazaret-uploads-000000000000-us-east-1" {
			t.Errorf("outputs %v, want %v", got, app.Outputs)
		}
	}
	_, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("lazarett")})
	if err == nil || !strings.Contains(err.Error(), "ValidationError: Stack with id lazarett does not exist") {
		t.Errorf("describe a stack that is not there: %v", err)
	}
	_, err = client.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
	if err == nil || !strings.Contains(err.Error(), "InvalidAction") {
		t.Errorf("an operation that is not there: %v", err)
	}
}

// SDKs speak CBOR, the older command lines the Query protocol.
func TestDescribeAlarms(t *testing.T) {
	t.Parallel()
	app, cfg := loaded(t, func(app *template.Application) http.Handler { return Alarms(app.Alarms) })
	client := cloudwatch.NewFromConfig(cfg)
	for want, in := range map[int]*cloudwatch.DescribeAlarmsInput{
		len(app.Alarms): {}, 0: {StateValue: cwtypes.StateValueAlarm}, 1: {AlarmNames: []string{
			"lazaret-canary",
			"lazaret-nothing",
		}}, 3: {AlarmNamePrefix: aws.String("lazaret-definitions-")},
	} {
		out, err := client.DescribeAlarms(t.Context(), in)
		if err != nil || len(out.MetricAlarms) != want {
			t.Fatalf("describe %+v: %+v, %v, want %d", in, out, err, want)
		}
		for _, a := range out.MetricAlarms {
			if a.StateValue != "INSUFFICIENT_DATA" || aws.ToFloat64(a.Threshold) < 0 || len(a.AlarmActions) != 1 ||
				aws.ToInt32(a.EvaluationPeriods) < 1 {
				t.Errorf("alarm %+v", a)
			}
		}
	}
	response, err := http.PostForm(
		*cfg.BaseEndpoint,
		url.Values{"Action": {"DescribeAlarms"}, "AlarmNames.member.1": {"lazaret-dead-letters"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"<MetricAlarms><member>", "<AlarmName>lazaret-dead-letters</AlarmName>", "<Dimensions><member><Name>QueueName</Name>",
		"<AlarmActions><member>arn:aws:sns:us-east-1:000000000000:lazaret-alerts</member></AlarmActions>", "<Threshold>0</Threshold>",
	} {
		if !strings.Contains(string(text), part) || strings.Count(string(text), "<AlarmName>") != 1 {
			t.Errorf("the Query protocol's answer has no %s, or more than one alarm: %s", part, text)
		}
	}
	for body, want := range map[string]string{
		`{"AlarmNamePrefix": "lazaret-dead-", "StateValue": "INSUFFICIENT_DATA"}`: `"AlarmName":"lazaret-dead-letters"`,
		`{"StateValue": "ALARM"}`: `"MetricAlarms":[]`,
		`[`:                       "SerializationException",
	} {
		if got := describeJSON(t, *cfg.BaseEndpoint, body); !strings.Contains(got, want) {
			t.Errorf("JSON %s: %s, want %s in it", body, got, want)
		}
	}
	response, err = http.Post(*cfg.BaseEndpoint+cborPath, "application/cbor", strings.NewReader("no map"))
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("what is no CBOR: %v, %v", response, err)
	}
	response.Body.Close()
}

// describeJSON asks as the command line's version 1 does.
func describeJSON(t *testing.T, endpoint, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", jsonTarget)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, key, action string
		status            int
		arn, account      string
		code              string
	}{
		{
			name:    "known",
			key:     "test",
			action:  "GetCallerIdentity",
			status:  200,
			arn:     access.UserARN,
			account: template.Account,
		},
		{
			name: "root of another account", key: "111122223333", action: "GetCallerIdentity", status: 200,
			arn: "arn:aws:iam::111122223333:root", account: "111122223333",
		},
		{
			name:   "eleven digits",
			key:    "11112222333",
			action: "GetCallerIdentity",
			status: 403,
			code:   "InvalidClientTokenId",
		},
		{name: "unknown", key: "nobody", action: "GetCallerIdentity", status: 403, code: "InvalidClientTokenId"},
		{name: "another action", key: "test", action: "AssumeRole", status: 400, code: "InvalidAction"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", strings.NewReader("Version=2011-06-15&Action="+test.action))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(
				"Authorization",
				"AWS4-HMAC-SHA256 Credential="+test.key+"/20260101/us-east-1/sts/aws4_request",
			)
			w := httptest.NewRecorder()
			Caller{"test": access.UserARN}.ServeHTTP(w, r)
			var answer struct {
				Result struct{ Arn, Account string } `xml:"GetCallerIdentityResult"`
				Error  struct{ Code string }
			}
			if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("read %s: %v", w.Body, err)
			}
			if w.Code != test.status || answer.Result.Arn != test.arn || answer.Result.Account != test.account ||
				answer.Error.Code != test.code {
				t.Errorf("answer %d %+v, want %+v", w.Code, answer, test)
			}
		})
	}
}
